//! Files that a start reads and removes.

use std::fs;

use super::{close, digest, refused};
use crate::harness::{Server, Shop, data, fifo, marked, run, text};

#[test]
fn a_path_that_is_no_file_is_refused_at_once_everywhere() {
    let data = data();
    let data_dir = data.path().to_str().unwrap().to_owned();
    let (pipe, folder) = (data.path().join("pipe"), data.path().join("folder"));
    fifo(&pipe);
    fs::create_dir(&folder).unwrap();
    fs::write(data.path().join("marked.wasm"), marked("version=1.0.0")).unwrap();
    for (path, what) in [
        (&pipe, "a FIFO"),
        (&folder, "a folder"),
        (&"/dev/zero".into(), "a device"),
    ] {
        let shown = path.display().to_string();
        let want = format!("wares: cannot read {shown}: it is {what}, not a file\n");
        let file = data.path().join("marked.wasm");
        let file = file.to_str().unwrap();
        for arguments in [
            vec!["module", "install", &*shown],
            vec!["module", "install", &*shown, "--name", "marked"],
            vec![
                "module",
                "install",
                file,
                "--name=marked",
                "--signature",
                &*shown,
            ],
            vec!["inspect", &*shown],
            vec!["key", "list", "--config", &*shown],
        ] {
            let mut command = crate::harness::wares();
            command.args(&arguments);
            if arguments[0] != "inspect" {
                command.args(["--data", &*data_dir]);
            }
            let ended = command.output().unwrap();
            let said = text(&ended.stderr);
            assert_eq!(
                (ended.status.code(), said),
                // A settings file is a wrong setting.
                (
                    Some(if arguments[0] == "key" { 2 } else { 1 }),
                    want.clone()
                ),
                "{arguments:?}"
            );
        }
        let setting = format!("modules.marked.component={shown}");
        let said = refused(data.path(), &["--strict", "--set", &setting]);
        assert_eq!(format!("{said}\n"), want);
    }
    // A file that is too large is not read: this one is large and sparse.
    let sparse = data.path().join("sparse.wasm");
    let file = fs::File::create(&sparse).unwrap();
    file.set_len(1 << 40).unwrap();
    let ended = run([
        "module",
        "install",
        sparse.to_str().unwrap(),
        "--data",
        &*data_dir,
    ]);
    assert_eq!(
        text(&ended.stderr),
        format!(
            "wares: {}: it is 1099511627776 bytes, more than 52428800 (compile.component_bytes_max)\n",
            sparse.display()
        )
    );
}

#[test]
fn leftovers_of_a_killed_host_are_removed_only_by_the_next_one() {
    let data = data();
    let left = [
        "rehearsal-Ab12Cd/copy.db",
        "compiled/.0192-half.tmp",
        "versions/0123abcd.partial",
    ];
    let kept = [
        "rehearsals",
        "compiled/note.txt",
        "versions/note.wasm",
        "notes.tmp",
    ];
    let write = || {
        for path in left.iter().chain(&kept) {
            let path = data.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
    };
    let there = |paths: &[&str]| -> Vec<bool> {
        let exists = |path: &&str| data.path().join(path).exists();
        paths.iter().map(exists).collect()
    };
    write();
    let server = Server::start(data.path(), |_| {});
    assert_eq!(there(&left), [false; 3]);
    assert!(!data.path().join("rehearsal-Ab12Cd").exists());
    assert_eq!(there(&kept), [true; 4]);
    // A process without the lock of the folder changes nothing.
    write();
    let folder = data.path().to_str().unwrap();
    let listed = run(["module", "list", "--data", folder]);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    assert_eq!(there(&left), [true; 3]);
    drop(server);
}

#[test]
fn compiled_code_under_the_name_of_another_component_is_compiled_again() {
    let data = data();
    let modules = data.path().join("modules");
    fs::write(
        modules.join("one.wasm"),
        marked("name=one version=1.0.0 at=/admin/one"),
    )
    .unwrap();
    fs::write(
        modules.join("two.wasm"),
        marked("name=two version=2.0.0 at=/admin/two"),
    )
    .unwrap();
    let data = close(Shop::open_on(data, |_| {}));
    let compiled = data.path().join("compiled");
    let file_of = |component: &str| {
        let digest = digest(&fs::read(modules.join(component)).unwrap());
        let mut files = fs::read_dir(&compiled).unwrap().map(|file| file.unwrap());
        let file = files.find(|file| file.file_name().to_str().unwrap().starts_with(&digest));
        file.unwrap().path()
    };
    let (one, two) = (file_of("one.wasm"), file_of("two.wasm"));
    let aside = compiled.join("aside");
    for (from, to) in [(&one, &aside), (&two, &one), (&aside, &two)] {
        fs::rename(from, to).unwrap();
    }
    let exchanged = fs::read(&one).unwrap();
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(shop.get("/admin/one").at("/version"), "1.0.0");
    assert_eq!(shop.get("/admin/two").at("/version"), "2.0.0");
    assert_eq!(shop.get("/_wares/modules/one").at("/module/name"), "one");
    assert_ne!(fs::read(&one).unwrap(), exchanged);
}
