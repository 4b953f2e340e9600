//! Whom the directory lets in, and whom it does not.

use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const EMAIL: &str = "Ann@example.com";
const PASSWORD: &str = "correct horse";

struct Fixture {
    directory: Directory,
    _folder: tempfile::TempDir,
}

fn fixture(token: Duration, session: Duration) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::open(
        HostDatabase::open(&folder.path().join("host.db")).unwrap(),
        Lifetimes { token, session },
    )
    .unwrap();
    Fixture {
        directory,
        _folder: folder,
    }
}

fn standard() -> Fixture {
    fixture(Duration::from_secs(60), Duration::from_secs(60))
}

fn sign_in(directory: &Directory, email: &str, password: &str) -> Result<String, SignInError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(directory.sign_in(email.to_owned(), password.to_owned(), PEER))
}

fn actor(directory: &Directory, authorization: &str) -> Option<Actor> {
    let found = directory.authenticate(Some(authorization), None).unwrap();
    found.map(|(actor, proof)| {
        assert_eq!(proof, Proof::Header);
        actor
    })
}

#[test]
fn a_user_signs_in_with_the_right_password_alone() {
    let Fixture { directory, .. } = &standard();
    let user = directory.create_user(EMAIL, PASSWORD, None).unwrap();
    let token = sign_in(directory, "ann@EXAMPLE.com", PASSWORD).unwrap();
    let expected = Actor {
        kind: ActorKind::User,
        id: user.id,
        generation: 0,
    };
    assert_eq!(actor(directory, &format!("bEaReR {token}")), Some(expected));
    assert!(matches!(
        sign_in(directory, EMAIL, "wrong horse"),
        Err(SignInError::Wrong)
    ));
    assert!(matches!(
        sign_in(directory, "bob@example.com", PASSWORD),
        Err(SignInError::Wrong)
    ));
}

#[test]
fn a_user_needs_an_email_of_its_own_and_a_password_of_some_length() {
    let Fixture { directory, .. } = &standard();
    directory.create_user(EMAIL, PASSWORD, None).unwrap();
    assert!(matches!(
        directory.create_user("ANN@example.com", PASSWORD, None),
        Err(UserError::Exists(_))
    ));
    assert!(matches!(
        directory.create_user("no-at", PASSWORD, None),
        Err(UserError::Email(_))
    ));
    assert!(matches!(
        directory.create_user("b\u{202e}@example.com", PASSWORD, None),
        Err(UserError::Email(_))
    ));
    assert!(matches!(
        directory.create_user("@", PASSWORD, None),
        Err(UserError::Email(_))
    ));
    assert!(matches!(
        directory.create_user("b@example.com", "seven77", None),
        Err(UserError::Password)
    ));
}

#[test]
fn foreign_and_expired_tokens_prove_no_actor() {
    let Fixture { directory, .. } = &standard();
    let other = standard();
    let user = other.directory.create_user(EMAIL, PASSWORD, None).unwrap();
    let foreign = other.directory.issue_token(&user.id, user.generation);
    assert!(actor(&other.directory, &format!("Bearer {foreign}")).is_some());
    assert_eq!(actor(directory, &format!("Bearer {foreign}")), None);

    let Fixture { directory, .. } = &fixture(Duration::ZERO, Duration::ZERO);
    let user = directory.create_user(EMAIL, PASSWORD, None).unwrap();
    let old = Tokens::new(
        &directory.accounts.secret("token", &[]).unwrap(),
        Duration::ZERO,
    );
    assert_eq!(
        actor(
            directory,
            &format!("Bearer {}", old.issue(&user.id, 0, unix_now() - 10))
        ),
        None
    );

    for nonsense in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x.y.z",
        "Digest abc",
        "sk_1",
    ] {
        assert_eq!(actor(directory, nonsense), None, "{nonsense}");
    }
    let unsigned = "Bearer eyJhbGciOiJub25lIn0.eyJhY3Rvcl9pZCI6InVzZXJfMSIsImFjdG9yX3R5cGUiOiJ1c2VyIiwiaWF0IjowLCJleHAiOjk5OTk5OTk5OTl9.";
    assert_eq!(actor(directory, unsigned), None);
}

#[test]
fn a_key_is_taken_in_every_form_until_it_is_revoked() {
    let Fixture { directory, .. } = &standard();
    let (key, secret) = directory.create_key("till", None).unwrap();
    assert_eq!(secret.len(), 67);
    let encode = |text: &str| STANDARD.encode(text);
    let forms = [
        format!("Basic {}", encode(&format!("{secret}:"))),
        format!("basic {}", encode(&secret)),
        format!("Basic {secret}"),
        format!("Bearer {secret}"),
    ];
    let expected = Some(Actor {
        kind: ActorKind::ApiKey,
        id: key.id.clone(),
        generation: 0,
    });
    for form in &forms {
        assert_eq!(actor(directory, form), expected, "{form}");
    }
    assert_eq!(
        actor(
            directory,
            &format!("Basic {}", encode(&format!("{secret}:pw")))
        ),
        None
    );
    assert_eq!(actor(directory, "Basic sk_0000"), None);
    assert!(directory.keys().unwrap()[0].last_used_at.is_some());

    assert!(
        directory
            .revoke_key(&key.id, None, SystemTime::now())
            .unwrap()
    );
    assert!(
        !directory
            .revoke_key(&key.id, None, SystemTime::now())
            .unwrap()
    );
    for form in &forms {
        assert_eq!(actor(directory, form), None, "{form}");
    }
}

#[test]
fn a_session_lasts_until_it_is_ended_or_over() {
    let Fixture { directory, .. } = &standard();
    let user = directory.create_user(EMAIL, PASSWORD, None).unwrap();
    let session = directory
        .begin_session(&user.id, user.generation)
        .unwrap()
        .unwrap();
    let who = |session: &str| directory.authenticate(None, Some(session)).unwrap();
    let expected = Actor {
        kind: ActorKind::User,
        id: user.id.clone(),
        generation: 0,
    };
    assert_eq!(who(&session), Some((expected.clone(), Proof::Cookie)));
    assert_eq!(who("another"), None);
    // A header that names a scheme decides, whatever the cookie says.
    let both = |authorization: &str| {
        directory
            .authenticate(Some(authorization), Some(&session))
            .unwrap()
    };
    let bearer = format!(
        "Bearer {}",
        directory.issue_token(&user.id, user.generation)
    );
    assert_eq!(both(&bearer), Some((expected.clone(), Proof::Header)));
    assert_eq!(both("Bearer x.y.z"), None);
    assert_eq!(both("nonsense"), Some((expected, Proof::Cookie)));
    directory.end_session(&session).unwrap();
    assert_eq!(who(&session), None);

    let Fixture { directory, .. } = &fixture(Duration::ZERO, Duration::ZERO);
    let user = directory.create_user(EMAIL, PASSWORD, None).unwrap();
    let over = directory
        .begin_session(&user.id, user.generation)
        .unwrap()
        .unwrap();
    assert_eq!(directory.authenticate(None, Some(&over)).unwrap(), None);
}

#[test]
fn tokens_and_sessions_end_with_the_password_that_they_were_issued_for() {
    let Fixture { directory, .. } = &standard();
    let user = directory.create_user(EMAIL, PASSWORD, None).unwrap();
    let other = directory
        .create_user("bob@example.com", PASSWORD, None)
        .unwrap();
    let bearer = |token: String| actor(directory, &format!("Bearer {token}"));
    let session = |user: &User| {
        let session = directory.begin_session(&user.id, user.generation).unwrap();
        session.map(|session| directory.authenticate(None, Some(&session)).unwrap())
    };
    let before = directory.begin_session(&user.id, 0).unwrap().unwrap();
    assert!(session(&user).unwrap().is_some());
    assert!(matches!(
        directory.change_password(&user, "seven77", "ann"),
        Err(UserError::Password)
    ));
    assert!(bearer(directory.issue_token(&user.id, 0)).is_some());
    directory
        .change_password(&user, "another horse", "ann")
        .unwrap();
    assert!(bearer(directory.issue_token(&user.id, 0)).is_none());
    assert_eq!(directory.authenticate(None, Some(&before)).unwrap(), None);
    // A sign-in from before begins no session after it.
    assert!(session(&user).is_none());
    assert!(bearer(directory.issue_token(&other.id, 0)).is_some());
    assert!(session(&other).unwrap().is_some());
    assert!(matches!(
        sign_in(directory, EMAIL, PASSWORD),
        Err(SignInError::Wrong)
    ));
    let token = sign_in(directory, EMAIL, "another horse").unwrap();
    assert_eq!(bearer(token).unwrap().generation, 1);
    assert!(
        session(&directory.user(&user.id).unwrap().unwrap())
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_user_is_deleted_unless_it_is_the_last() {
    let Fixture { directory, .. } = &standard();
    let user = directory.create_user(EMAIL, PASSWORD, None).unwrap();
    assert!(matches!(
        directory.delete_user("ann@EXAMPLE.com", "ann"),
        Err(UserError::Last(_))
    ));
    assert!(matches!(
        directory.delete_user("bob@example.com", "ann"),
        Err(UserError::Unknown(_))
    ));
    assert!(directory.user(&user.id).unwrap().is_some());
    let other = directory
        .create_user("bob@example.com", PASSWORD, None)
        .unwrap();
    let session = directory.begin_session(&user.id, 0).unwrap().unwrap();
    let token = directory.issue_token(&user.id, 0);
    assert_eq!(
        directory.delete_user("ann@EXAMPLE.com", "ann").unwrap().id,
        user.id
    );
    assert_eq!(actor(directory, &format!("Bearer {token}")), None);
    assert_eq!(directory.authenticate(None, Some(&session)).unwrap(), None);
    assert!(directory.begin_session(&user.id, 0).unwrap().is_none());
    assert!(matches!(
        directory.change_password(&user, PASSWORD, "ann"),
        Err(UserError::Unknown(_))
    ));
    let left: Vec<_> = directory
        .users()
        .unwrap()
        .into_iter()
        .map(|user| user.id)
        .collect();
    assert_eq!(left, [other.id]);
}

#[test]
fn the_first_start_makes_an_admin_and_the_second_does_not() {
    let Fixture { directory, .. } = &standard();
    let FirstAdmin::Created {
        email,
        password: Some(password),
    } = directory.ensure_admin(EMAIL, None).unwrap()
    else {
        panic!("no admin was made");
    };
    sign_in(directory, &email, &password).unwrap();
    assert!(matches!(
        directory.ensure_admin(EMAIL, None).unwrap(),
        FirstAdmin::Existing
    ));
}

#[test]
fn tries_at_once_are_looked_at_no_more_often_than_one_after_the_other() {
    let Fixture { directory, .. } = &standard();
    directory.create_user(EMAIL, PASSWORD, None).unwrap();
    let at_once = |count: usize, password: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let one = || directory.sign_in(EMAIL.to_owned(), password.to_owned(), PEER);
        runtime.block_on(async {
            let mut tries: Vec<_> = (0..count).map(|_| Box::pin(one())).collect();
            let mut answers = Vec::new();
            std::future::poll_fn(|context| {
                tries.retain_mut(|one| match one.as_mut().poll(context) {
                    std::task::Poll::Ready(answer) => {
                        answers.push(answer);
                        false
                    }
                    std::task::Poll::Pending => true,
                });
                if tries.is_empty() {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
            answers
        })
    };
    let right = at_once(20, PASSWORD);
    assert_eq!(right.iter().filter(|answer| answer.is_ok()).count(), 20);
    let wrong = at_once(100, "wrong horse");
    let count = |of: fn(&SignInError) -> bool| {
        let errors = wrong.iter().filter_map(|answer| answer.as_ref().err());
        errors.filter(|error| of(error)).count()
    };
    assert_eq!(count(|error| matches!(error, SignInError::Wrong)), 5);
    assert_eq!(count(|error| matches!(error, SignInError::TooMany(_))), 32);
    assert_eq!(count(|error| matches!(error, SignInError::Crowded)), 63);
}

#[test]
fn ids_are_a_prefix_and_a_ulid() {
    let id = ids::new("user");
    let digits = id.strip_prefix("user_").unwrap();
    assert_eq!(digits.len(), 26);
    assert!(digits.starts_with('0'));
    assert!(
        digits
            .bytes()
            .all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte))
    );
}
