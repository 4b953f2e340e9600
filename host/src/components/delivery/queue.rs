//! The order in which one subscriber handles events: those with the same key one after the
//! other, in the order of their component; others at the same time. Knows neither time nor
//! database.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use crate::storage::{Event, Progress};

/// What an event is about: the component that emitted it, and the key.
pub(super) type Key = (String, String);

/// The events of components on their way to one subscriber.
#[derive(Debug, Default)]
pub(super) struct Queue {
    sources: BTreeMap<String, Source>,
    /// Keys of which an event is being handled.
    busy: HashSet<Key>,
    /// Keys of which events are kept as deliveries: later ones wait behind them.
    waiting: HashSet<Key>,
}

/// The events of one component.
#[derive(Debug, Default)]
struct Source {
    /// All events up to this number are read.
    read: i64,
    /// Those of them that are not handled or kept yet.
    open: BTreeSet<i64>,
    /// Those of them that are not begun.
    ahead: VecDeque<(Event, String)>,
    /// Those beyond `done` that were handled before the host started.
    handled: BTreeSet<i64>,
    /// What was last said to be done.
    said: i64,
}

/// What becomes of the next event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is handled.
    Handle(String, Event, String),
    /// It is kept, behind others of its key.
    Keep(String, Event, String),
}

impl Queue {
    /// A queue that goes on where the subscriber has got, with these keys waiting.
    pub(super) fn new(progress: BTreeMap<String, Progress>, waiting: Vec<Key>) -> Self {
        let source = |progress: Progress| Source {
            read: progress.done,
            said: progress.done,
            handled: progress.handled.into_iter().collect(),
            ..Source::default()
        };
        let sources = progress.into_iter();
        Self {
            sources: sources
                .map(|(name, progress)| (name, source(progress)))
                .collect(),
            busy: HashSet::new(),
            waiting: waiting.into_iter().collect(),
        }
    }

    /// Whether it takes events of a component already.
    pub(super) fn has(&self, source: &str) -> bool {
        self.sources.contains_key(source)
    }

    /// Takes the events of one more component, after this number.
    pub(super) fn begin(&mut self, source: &str, after: i64) {
        let begun = Source {
            read: after,
            said: after,
            ..Source::default()
        };
        self.sources.entry(source.to_owned()).or_insert(begun);
    }

    /// The number of the last event that was read, and how many were not begun.
    pub(super) fn position(&self, source: &str) -> (i64, usize) {
        self.sources
            .get(source)
            .map_or((0, 0), |source| (source.read, source.ahead.len()))
    }

    /// Adds events that were read. `key` returns what an event is about, or `None` if the
    /// subscriber does not take it.
    pub(super) fn add(
        &mut self,
        source: &str,
        events: Vec<Event>,
        key: impl Fn(&Event) -> Option<String>,
    ) {
        let Some(source) = self.sources.get_mut(source) else {
            return;
        };
        for event in events {
            source.read = event.id;
            if source.handled.remove(&event.id) {
                continue;
            }
            if let Some(key) = key(&event) {
                source.open.insert(event.id);
                source.ahead.push_back((event, key));
            }
        }
    }

    /// The next event that can begin.
    pub(super) fn next(&mut self) -> Option<Next> {
        for (name, source) in &mut self.sources {
            // Those behind another of their key do not overtake it.
            let mut passed = HashSet::new();
            let position = source.ahead.iter().position(|(_, key)| {
                let is_first = passed.insert(key);
                is_first && !self.busy.contains(&(name.clone(), key.clone()))
            });
            let Some((event, key)) = position.and_then(|position| source.ahead.remove(position))
            else {
                continue;
            };
            let of = (name.clone(), key.clone());
            if self.waiting.contains(&of) {
                return Some(Next::Keep(name.clone(), event, key));
            }
            self.busy.insert(of);
            return Some(Next::Handle(name.clone(), event, key));
        }
        None
    }

    /// Begins to handle a delivery, unless another event of its key is being handled.
    pub(super) fn begin_delivery(&mut self, key: &Key) -> bool {
        self.busy.insert(key.clone())
    }

    /// An event is handled, or kept as a delivery.
    pub(super) fn end(&mut self, source: &str, event: i64, key: &str) {
        self.busy.remove(&(source.to_owned(), key.to_owned()));
        if let Some(source) = self.sources.get_mut(source) {
            source.open.remove(&event);
        }
    }

    /// Events of a key are kept as deliveries, or no more.
    pub(super) fn set_waiting(&mut self, key: Key, is_waiting: bool) {
        match is_waiting {
            true => self.waiting.insert(key),
            false => self.waiting.remove(&key),
        };
    }

    /// How many events are being handled.
    pub(super) fn busy(&self) -> usize {
        self.busy.len()
    }

    /// How far the subscriber has got with each component, where that is further than was said
    /// before.
    pub(super) fn advanced(&self) -> BTreeMap<String, i64> {
        let sources = self.sources.iter();
        let advanced = sources.filter_map(|(name, source)| {
            let done = source.open.first().map_or(source.read, |first| first - 1);
            (done > source.said).then(|| (name.clone(), done))
        });
        advanced.collect()
    }

    /// That it has got so far is said.
    pub(super) fn said(&mut self, advanced: BTreeMap<String, i64>) {
        for (name, done) in advanced {
            if let Some(source) = self.sources.get_mut(&name) {
                source.said = done;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: i64) -> Event {
        Event {
            id,
            name: "note.created".to_owned(),
            data: String::new(),
            created_at: String::new(),
            cause: None,
        }
    }

    fn queue(done: i64, handled: &[i64], waiting: &[&str]) -> Queue {
        let handled = handled.to_vec();
        let waiting = waiting
            .iter()
            .map(|key| ("notes".to_owned(), (*key).to_owned()));
        let progress = Progress { done, handled };
        Queue::new(
            BTreeMap::from([("notes".to_owned(), progress)]),
            waiting.collect(),
        )
    }

    /// Adds events by number and key; those without a key are not taken.
    fn add(queue: &mut Queue, events: &[(i64, &str)]) {
        let keys: BTreeMap<i64, &str> = events.iter().copied().collect();
        let read = events.iter().map(|(id, _)| event(*id)).collect();
        queue.add("notes", read, |event| {
            let key = keys[&event.id];
            (!key.is_empty()).then(|| key.to_owned())
        });
    }

    fn begun(queue: &mut Queue) -> Vec<i64> {
        let begun = std::iter::from_fn(|| queue.next());
        begun
            .map(|next| match next {
                Next::Handle(_, event, _) => event.id,
                Next::Keep(_, event, _) => -event.id,
            })
            .collect()
    }

    fn done(queue: &mut Queue) -> Option<i64> {
        let advanced = queue.advanced();
        let done = advanced.get("notes").copied();
        queue.said(advanced);
        done
    }

    #[test]
    fn events_of_one_key_follow_one_another_and_others_do_not_wait() {
        let mut queue = queue(0, &[], &[]);
        add(
            &mut queue,
            &[(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, "")],
        );
        assert_eq!(begun(&mut queue), [1, 3]);
        assert_eq!(queue.busy(), 2);
        queue.end("notes", 3, "b");
        assert_eq!((begun(&mut queue), done(&mut queue)), (vec![], None));
        queue.end("notes", 1, "a");
        assert_eq!((begun(&mut queue), done(&mut queue)), (vec![2], Some(1)));
        queue.end("notes", 2, "a");
        assert_eq!(begun(&mut queue), [4]);
        queue.end("notes", 4, "a");
        // The last one is not taken: it is done with those before it.
        assert_eq!((done(&mut queue), done(&mut queue)), (Some(5), None));
    }

    #[test]
    fn events_behind_one_that_failed_are_kept_and_others_go_on() {
        let mut queue = queue(0, &[], &["a"]);
        add(&mut queue, &[(1, "a"), (2, "b"), (3, "a")]);
        assert_eq!(begun(&mut queue), [-1, 2, -3]);
        let key = ("notes".to_owned(), "a".to_owned());
        assert!(queue.begin_delivery(&key));
        assert!(!queue.begin_delivery(&key));
        for (event, key) in [(1, "a"), (3, "a"), (2, "b")] {
            queue.end("notes", event, key);
        }
        assert_eq!(done(&mut queue), Some(3));
        queue.set_waiting(key, false);
        add(&mut queue, &[(4, "a")]);
        assert_eq!(begun(&mut queue), [4]);
    }

    #[test]
    fn what_was_handled_before_a_start_is_not_handled_again() {
        let mut queue = queue(10, &[12, 14], &[]);
        assert_eq!(queue.position("notes"), (10, 0));
        add(&mut queue, &[(11, "a"), (12, "b"), (13, "c"), (14, "d")]);
        assert_eq!(begun(&mut queue), [11, 13]);
        queue.end("notes", 11, "a");
        assert_eq!(done(&mut queue), Some(12));
        queue.end("notes", 13, "c");
        assert_eq!(done(&mut queue), Some(14));
    }

    #[test]
    fn a_component_is_begun_once() {
        let mut queue = queue(10, &[], &[]);
        assert!(queue.has("notes") && !queue.has("orders"));
        queue.begin("notes", 99);
        queue.begin("orders", 7);
        assert_eq!(
            (queue.position("notes"), queue.position("orders")),
            ((10, 0), (7, 0))
        );
    }
}
