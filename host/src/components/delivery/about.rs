//! What an event is about, and which events caused it.

use serde::Deserialize;
use serde_json::Value;

use crate::storage::Event;

/// Events that may cause one another in a row.
pub(super) const DEPTH_MAX: u32 = 8;

/// The entity that an event is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The name of the event without its last part: `order` of `order.created`.
    pub(super) entity: String,
    /// The member `id` of its data; empty without one.
    pub(super) id: String,
}

impl About {
    pub(super) fn of(event: &Event) -> Self {
        let entity = event
            .name
            .rsplit_once('.')
            .map_or(&*event.name, |(entity, _)| entity);
        let data: Option<Value> = serde_json::from_str(&event.data).ok();
        let id = match data.as_ref().and_then(|data| data.get("id")) {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => String::new(),
        };
        Self {
            entity: entity.to_owned(),
            id,
        }
    }

    /// Tells what it is about from all else of its component. Events that name nothing follow
    /// one another.
    pub(super) fn key(&self) -> String {
        format!("{}:{}", self.entity, self.id)
    }
}

/// How many events caused this one, one another.
pub(super) fn depth(event: &Event) -> u32 {
    #[derive(Deserialize)]
    struct Cause {
        event: Option<Caused>,
    }
    #[derive(Deserialize)]
    struct Caused {
        depth: u32,
    }
    let cause = event.cause.as_deref().map(serde_json::from_str::<Cause>);
    let caused = cause.and_then(Result::ok).and_then(|cause| cause.event);
    caused.map_or(0, |caused| caused.depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str, cause: Option<&str>) -> Event {
        Event {
            id: 1,
            name: name.to_owned(),
            data: data.to_owned(),
            created_at: String::new(),
            cause: cause.map(str::to_owned),
        }
    }

    #[test]
    fn an_event_is_about_what_its_name_and_its_data_say() {
        for (name, data, key) in [
            ("note.created", r#"{"id":"note_1"}"#, "note:note_1"),
            ("shop.note.created", r#"{"id":7}"#, "shop.note:7"),
            ("created", r#"{"id":null}"#, "created:"),
            ("note.created", "[1]", "note:"),
        ] {
            assert_eq!(About::of(&event(name, data, None)).key(), key);
        }
    }

    #[test]
    fn an_event_tells_how_many_others_caused_it() {
        for (cause, expected) in [
            (None, 0),
            (Some(r#"{"actor":null,"components":[]}"#), 0),
            (
                Some(r#"{"actor":null,"components":[],"event":{"id":"notes-1","depth":3}}"#),
                3,
            ),
        ] {
            assert_eq!(depth(&event("a.b", "1", cause)), expected);
        }
    }
}
