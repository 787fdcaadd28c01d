//! Runs futures, each until it waits for an answer from JavaScript.
//!
//! There is one thread, and JavaScript never calls in while Rust calls out, so everything here is lists. A promise for
//! each step would cost 4 KB more.

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;

use super::border::{Message, say};

/// A future that tells its result itself.
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What JavaScript says to a question.
pub(super) struct Answer {
    /// Of an answer of HTTP its status; below zero there is none.
    pub(super) status: i32,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// A question that was asked.
enum Question {
    Open(Option<Waker>),
    Answered(Answer),
}

thread_local! {
    static TASKS: RefCell<Vec<Option<Task>>> = const { RefCell::new(Vec::new()) };
    static READY: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static QUESTIONS: RefCell<Vec<(u32, Question)>> = const { RefCell::new(Vec::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Runs a future as far as it goes now, and on with each answer.
pub(super) fn spawn(task: Task) {
    let place = TASKS.with_borrow_mut(|tasks| {
        let place = tasks.iter().position(Option::is_none).unwrap_or(tasks.len());
        match tasks.get_mut(place) {
            Some(free) => *free = Some(task),
            None => tasks.push(Some(task)),
        }
        place
    });
    READY.with_borrow_mut(|ready| ready.push(place));
    run();
}

/// Answers a question, and runs what waited for that. Nobody waits any more for some.
pub(super) fn answer(id: u32, answer: Answer) {
    let waker = QUESTIONS.with_borrow_mut(|questions| {
        let (_, question) = questions.iter_mut().find(|(other, _)| *other == id)?;
        match core::mem::replace(question, Question::Answered(answer)) {
            Question::Open(waker) => waker,
            Question::Answered(_) => None,
        }
    });
    if let Some(waker) = waker {
        waker.wake();
        run();
    }
}

fn run() {
    loop {
        let ready = READY.take();
        if ready.is_empty() {
            return;
        }
        for place in ready {
            let taken = TASKS.with_borrow_mut(|tasks| tasks.get_mut(place).and_then(Option::take));
            let Some(mut task) = taken else { continue };
            let waker = Waker::from(Arc::new(Place(place)));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                TASKS.with_borrow_mut(|tasks| tasks.get_mut(place).map(|free| *free = Some(task)));
            }
        }
    }
}

/// Wakes the task at a place; one that has ended meanwhile, or another that took its place, is none the worse for it.
struct Place(usize);

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        READY.with_borrow_mut(|ready| ready.push(self.0));
    }
}

/// A question to JavaScript: the future of its answer. Dropped, it is forgotten.
pub(super) struct Ask(u32);

impl Ask {
    /// Asks.
    pub(super) fn new(message: Message, text: &str, octets: &[u8]) -> Self {
        let id = LAST.get().wrapping_add(1);
        LAST.set(id);
        QUESTIONS.with_borrow_mut(|questions| questions.push((id, Question::Open(None))));
        say(message, id, text, octets);
        Self(id)
    }
}

impl Future for Ask {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        QUESTIONS.with_borrow_mut(|questions| {
            let Some(place) = questions.iter().position(|(id, _)| *id == self.0) else { return Poll::Pending };
            match questions.swap_remove(place) {
                (_, Question::Answered(answer)) => Poll::Ready(answer),
                (id, Question::Open(_)) => {
                    questions.push((id, Question::Open(Some(context.waker().clone()))));
                    Poll::Pending
                }
            }
        })
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        QUESTIONS.with_borrow_mut(|questions| questions.retain(|(id, _)| *id != self.0));
    }
}
