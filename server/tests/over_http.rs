//! The client of the package, over HTTP: its calls wait for the answers.

use futures::FutureExt;
use futures::future::{LocalBoxFuture, ready};
use regrant::crypto::envelope::Buffer;
use regrant::error::{Code, Error, Result};
use regrant::relay::{Operation, Part, Relay, Reply, Subscription, Token, Transport};
use regrant_protocol::operations::Outcome;
use uuid::Uuid;

use crate::client::Client;

struct OverHttp(Client);

/// A relay at the address of a client, known as the tests' servers are.
pub fn relay(client: &Client) -> Relay {
    Relay::new(OverHttp(client.clone()), "test:relay")
}

impl Transport for OverHttp {
    fn call<'a>(
        &'a self,
        token: Option<&'a Token>,
        operations: Vec<Operation>,
    ) -> LocalBoxFuture<'a, Result<Vec<Result<Reply>>>> {
        let operations = serde_json::to_value(&operations).unwrap();
        let said = self.0.try_call(token.map(Token::expose), &operations, &[]);
        let answers = said.map_err(|why| Error::new(Code::RelayUnavailable, why.to_string())).map(|said| {
            let outcomes: Vec<Outcome> = serde_json::from_value(said.json()).unwrap();
            outcomes.into_iter().map(Into::into).collect()
        });
        ready(answers).boxed_local()
    }

    fn put_parts<'a>(
        &'a self,
        _: Option<&'a Token>,
        _: Uuid,
        _: Vec<(Part, Buffer)>,
    ) -> LocalBoxFuture<'a, Result<()>> {
        unimplemented!("these tests store no files")
    }

    fn get_parts<'a>(
        &'a self,
        _: Option<&'a Token>,
        _: Uuid,
        _: Uuid,
        _: &'a [Part],
    ) -> LocalBoxFuture<'a, Result<Vec<Option<Buffer>>>> {
        unimplemented!("these tests store no files")
    }

    fn subscribe(&self, _: &str, _: Box<dyn Fn()>) -> Subscription {
        Subscription::new(())
    }
}
