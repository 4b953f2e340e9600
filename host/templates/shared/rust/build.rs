//! Sets a small stack for the component: every call gets a fresh instance, and the host
//! clears what an instance may have touched.

/// Rust's own default is 1 MiB, which makes a call twice as slow.
const STACK_BYTES: u32 = 64 * 1024;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo:rustc-link-arg-cdylib=-zstack-size={STACK_BYTES}");
    }
}
