//! A panic while a request is answered, a fault of the host: the answer is 500, and the
//! connection stays open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::answer::Answer;

/// The answer, or a 500 if making it panics.
pub(super) async fn caught(answer: impl Future<Output = Answer>) -> Answer {
    let mut answer = pin!(answer);
    let answered = std::future::poll_fn(|context| {
        let poll = || answer.as_mut().poll(context);
        // It is not polled again after a panic.
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    });
    answered.await.unwrap_or_else(|| {
        tracing::error!("a request panicked inside the host");
        Answer::unknown_error()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_500_also_after_a_pause() {
        let fine = caught(async { Answer::unauthorized() }).await;
        assert_eq!(fine.status, 401);
        for pauses in [0, 1] {
            let panics = caught(async move {
                for _ in 0..pauses {
                    tokio::task::yield_now().await;
                }
                panic!("as a test does")
            });
            assert_eq!(panics.await.status, 500);
        }
    }
}
