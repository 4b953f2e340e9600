//! Which credentials are accepted, and which are not.

use std::net::IpAddr;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::users::UserError;
use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const EMAIL: &str = "Ann@example.com";
const PASSWORD: &str = "correct horse";

struct Fixture {
    identity: IdentityService,
    _folder: tempfile::TempDir,
}

fn fixture(token: Duration, session: Duration) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let identity = IdentityService::open(
        HostDatabase::open(&folder.path().join("host.db")).unwrap(),
        Lifetimes { token, session },
    )
    .unwrap();
    Fixture {
        identity,
        _folder: folder,
    }
}

fn standard() -> Fixture {
    fixture(Duration::from_secs(60), Duration::from_secs(60))
}

fn sign_in(identity: &IdentityService, email: &str, password: &str) -> Result<String, SignInError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(identity.sign_in(email.to_owned(), password.to_owned(), PEER))
}

fn actor(identity: &IdentityService, authorization: &str) -> Option<Actor> {
    let found = identity.authenticate(Some(authorization), None).unwrap();
    found.map(|(actor, proof)| {
        assert_eq!(proof, Proof::Header);
        actor
    })
}

#[test]
fn a_user_signs_in_with_the_right_password_alone() {
    let Fixture { identity, .. } = &standard();
    let user = identity.create_user(EMAIL, PASSWORD, None).unwrap();
    let token = sign_in(identity, "ann@EXAMPLE.com", PASSWORD).unwrap();
    let expected = Actor {
        kind: ActorKind::User,
        id: user.id,
        generation: 0,
    };
    assert_eq!(actor(identity, &format!("bEaReR {token}")), Some(expected));
    assert!(matches!(
        sign_in(identity, EMAIL, "wrong horse"),
        Err(SignInError::Wrong)
    ));
    assert!(matches!(
        sign_in(identity, "bob@example.com", PASSWORD),
        Err(SignInError::Wrong)
    ));
}

#[test]
fn a_user_needs_an_email_of_its_own_and_a_password_of_some_length() {
    let Fixture { identity, .. } = &standard();
    identity.create_user(EMAIL, PASSWORD, None).unwrap();
    assert!(matches!(
        identity.create_user("ANN@example.com", PASSWORD, None),
        Err(UserError::Exists(_))
    ));
    assert!(matches!(
        identity.create_user("no-at", PASSWORD, None),
        Err(UserError::Email(_))
    ));
    assert!(matches!(
        identity.create_user("b\u{202e}@example.com", PASSWORD, None),
        Err(UserError::Email(_))
    ));
    assert!(matches!(
        identity.create_user("@", PASSWORD, None),
        Err(UserError::Email(_))
    ));
    assert!(matches!(
        identity.create_user("b@example.com", "seven77", None),
        Err(UserError::Password)
    ));
}

#[test]
fn foreign_and_expired_tokens_prove_no_actor() {
    let Fixture { identity, .. } = &standard();
    let other = standard();
    let user = other.identity.create_user(EMAIL, PASSWORD, None).unwrap();
    let foreign = other.identity.issue_token(&user.id, user.generation);
    assert!(actor(&other.identity, &format!("Bearer {foreign}")).is_some());
    assert_eq!(actor(identity, &format!("Bearer {foreign}")), None);

    let Fixture { identity, .. } = &fixture(Duration::ZERO, Duration::ZERO);
    let user = identity.create_user(EMAIL, PASSWORD, None).unwrap();
    let old = Tokens::new(
        &identity.database.secret("token", &[]).unwrap(),
        Duration::ZERO,
    );
    assert_eq!(
        actor(
            identity,
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
        assert_eq!(actor(identity, nonsense), None, "{nonsense}");
    }
    let unsigned = "Bearer eyJhbGciOiJub25lIn0.eyJhY3Rvcl9pZCI6InVzZXJfMSIsImFjdG9yX3R5cGUiOiJ1c2VyIiwiaWF0IjowLCJleHAiOjk5OTk5OTk5OTl9.";
    assert_eq!(actor(identity, unsigned), None);
}

#[test]
fn a_key_is_taken_in_every_form_until_it_is_revoked() {
    let Fixture { identity, .. } = &standard();
    let (key, secret) = identity.create_key("till", None).unwrap();
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
        assert_eq!(actor(identity, form), expected, "{form}");
    }
    assert_eq!(
        actor(
            identity,
            &format!("Basic {}", encode(&format!("{secret}:pw")))
        ),
        None
    );
    assert_eq!(actor(identity, "Basic sk_0000"), None);
    assert!(identity.keys().unwrap()[0].last_used_at.is_some());

    assert!(
        identity
            .revoke_key(&key.id, None, SystemTime::now())
            .unwrap()
    );
    assert!(
        !identity
            .revoke_key(&key.id, None, SystemTime::now())
            .unwrap()
    );
    for form in &forms {
        assert_eq!(actor(identity, form), None, "{form}");
    }
}

#[test]
fn a_session_lasts_until_it_is_ended_or_over() {
    let Fixture { identity, .. } = &standard();
    let user = identity.create_user(EMAIL, PASSWORD, None).unwrap();
    let session = identity
        .begin_session(&user.id, user.generation)
        .unwrap()
        .unwrap();
    let who = |session: &str| identity.authenticate(None, Some(session)).unwrap();
    let expected = Actor {
        kind: ActorKind::User,
        id: user.id.clone(),
        generation: 0,
    };
    assert_eq!(who(&session), Some((expected.clone(), Proof::Cookie)));
    assert_eq!(who("another"), None);
    // A header that names a scheme decides, whatever the cookie says.
    let both = |authorization: &str| {
        identity
            .authenticate(Some(authorization), Some(&session))
            .unwrap()
    };
    let bearer = format!("Bearer {}", identity.issue_token(&user.id, user.generation));
    assert_eq!(both(&bearer), Some((expected.clone(), Proof::Header)));
    assert_eq!(both("Bearer x.y.z"), None);
    assert_eq!(both("nonsense"), Some((expected, Proof::Cookie)));
    identity.end_session(&session).unwrap();
    assert_eq!(who(&session), None);

    let Fixture { identity, .. } = &fixture(Duration::ZERO, Duration::ZERO);
    let user = identity.create_user(EMAIL, PASSWORD, None).unwrap();
    let over = identity
        .begin_session(&user.id, user.generation)
        .unwrap()
        .unwrap();
    assert_eq!(identity.authenticate(None, Some(&over)).unwrap(), None);
}

#[test]
fn tokens_and_sessions_end_with_the_password_that_they_were_issued_for() {
    let Fixture { identity, .. } = &standard();
    let user = identity.create_user(EMAIL, PASSWORD, None).unwrap();
    let other = identity
        .create_user("bob@example.com", PASSWORD, None)
        .unwrap();
    let bearer = |token: String| actor(identity, &format!("Bearer {token}"));
    let session = |user: &User| {
        let session = identity.begin_session(&user.id, user.generation).unwrap();
        session.map(|session| identity.authenticate(None, Some(&session)).unwrap())
    };
    let before = identity.begin_session(&user.id, 0).unwrap().unwrap();
    assert!(session(&user).unwrap().is_some());
    assert!(matches!(
        identity.change_password(&user, "seven77", "ann"),
        Err(UserError::Password)
    ));
    assert!(bearer(identity.issue_token(&user.id, 0)).is_some());
    identity
        .change_password(&user, "another horse", "ann")
        .unwrap();
    assert!(bearer(identity.issue_token(&user.id, 0)).is_none());
    assert_eq!(identity.authenticate(None, Some(&before)).unwrap(), None);
    // A sign-in from before begins no session after it.
    assert!(session(&user).is_none());
    assert!(bearer(identity.issue_token(&other.id, 0)).is_some());
    assert!(session(&other).unwrap().is_some());
    assert!(matches!(
        sign_in(identity, EMAIL, PASSWORD),
        Err(SignInError::Wrong)
    ));
    let token = sign_in(identity, EMAIL, "another horse").unwrap();
    assert_eq!(bearer(token).unwrap().generation, 1);
    assert!(
        session(&identity.user(&user.id).unwrap().unwrap())
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_user_is_deleted_unless_it_is_the_last() {
    let Fixture { identity, .. } = &standard();
    let user = identity.create_user(EMAIL, PASSWORD, None).unwrap();
    assert!(matches!(
        identity.delete_user("ann@EXAMPLE.com", "ann"),
        Err(UserError::Last(_))
    ));
    assert!(matches!(
        identity.delete_user("bob@example.com", "ann"),
        Err(UserError::Unknown(_))
    ));
    assert!(identity.user(&user.id).unwrap().is_some());
    let other = identity
        .create_user("bob@example.com", PASSWORD, None)
        .unwrap();
    let session = identity.begin_session(&user.id, 0).unwrap().unwrap();
    let token = identity.issue_token(&user.id, 0);
    assert_eq!(
        identity.delete_user("ann@EXAMPLE.com", "ann").unwrap().id,
        user.id
    );
    assert_eq!(actor(identity, &format!("Bearer {token}")), None);
    assert_eq!(identity.authenticate(None, Some(&session)).unwrap(), None);
    assert!(identity.begin_session(&user.id, 0).unwrap().is_none());
    assert!(matches!(
        identity.change_password(&user, PASSWORD, "ann"),
        Err(UserError::Unknown(_))
    ));
    let left: Vec<_> = identity
        .users()
        .unwrap()
        .into_iter()
        .map(|user| user.id)
        .collect();
    assert_eq!(left, [other.id]);
}

#[test]
fn the_first_start_makes_an_admin_and_the_second_does_not() {
    let Fixture { identity, .. } = &standard();
    let FirstAdmin::Created {
        email,
        password: Some(password),
    } = identity.ensure_admin(EMAIL, None).unwrap()
    else {
        panic!("no admin was made");
    };
    sign_in(identity, &email, &password).unwrap();
    assert!(matches!(
        identity.ensure_admin(EMAIL, None).unwrap(),
        FirstAdmin::Existing
    ));
}

#[test]
fn tries_at_once_are_looked_at_no_more_often_than_one_after_the_other() {
    let Fixture { identity, .. } = &standard();
    identity.create_user(EMAIL, PASSWORD, None).unwrap();
    let at_once = |count: usize, password: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let one = || identity.sign_in(EMAIL.to_owned(), password.to_owned(), PEER);
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
