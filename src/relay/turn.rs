//! What is asked at one time travels in one request.
//!
//! Whoever asks first waits until everybody else that can go on at that moment has gone on: what they ask meanwhile goes
//! with it. Each is answered by itself.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};

use super::{Operation, Reply, Token, Transport, unexpected};
use crate::error::Result;

/// The most operations in one request.
const MOST: usize = 128;

/// The answers of one request, each taken once.
type Answers = Rc<RefCell<Vec<Option<Result<Reply>>>>>;

/// A request that is still being put together, or is under way.
type Request = Shared<LocalBoxFuture<'static, Result<Answers>>>;

/// The requests that are still being put together.
#[derive(Default)]
pub(super) struct Turns(RefCell<Vec<Turn>>);

struct Turn {
    token: Option<Token>,
    operations: Rc<RefCell<Vec<Operation>>>,
    request: Request,
}

impl Turns {
    pub(super) async fn ask(
        self: &Rc<Self>,
        transport: &Rc<dyn Transport>,
        token: Option<&Token>,
        operation: &Operation,
    ) -> Result<Reply> {
        let (request, place) = self.join(transport, token, operation);
        let answers = request.await?;
        let answer = answers.borrow_mut().get_mut(place).and_then(Option::take);
        answer.unwrap_or_else(|| Err(unexpected()))
    }

    /// Adds an operation to a request, and says which of its answers is for it.
    fn join(
        self: &Rc<Self>,
        transport: &Rc<dyn Transport>,
        token: Option<&Token>,
        operation: &Operation,
    ) -> (Request, usize) {
        let mut turns = self.0.borrow_mut();
        let fits = |turn: &&Turn| turn.token.as_ref() == token && turn.operations.borrow().len() < MOST;
        if let Some(turn) = turns.iter().find(fits) {
            let mut operations = turn.operations.borrow_mut();
            operations.push(operation.clone());
            return (turn.request.clone(), operations.len() - 1);
        }
        let operations = Rc::new(RefCell::new(vec![operation.clone()]));
        let request = send(self.clone(), transport.clone(), token.cloned(), operations.clone());
        let request = request.boxed_local().shared();
        turns.push(Turn { token: token.cloned(), operations, request: request.clone() });
        (request, 0)
    }
}

async fn send(
    turns: Rc<Turns>,
    transport: Rc<dyn Transport>,
    token: Option<Token>,
    operations: Rc<RefCell<Vec<Operation>>>,
) -> Result<Answers> {
    let mut waited = false;
    poll_fn(|cx| match std::mem::replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
    // From here on nobody joins: a request goes out as it is.
    turns.0.borrow_mut().retain(|turn| !Rc::ptr_eq(&turn.operations, &operations));
    let asked = operations.take();
    let count = asked.len();
    let answers = transport.call(token.as_ref(), asked).await?;
    if answers.len() != count {
        return Err(unexpected());
    }
    Ok(Rc::new(RefCell::new(answers.into_iter().map(Some).collect())))
}
