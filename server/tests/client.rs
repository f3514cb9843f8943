//! A server in this process, and a client of it that knows HTTP and nothing else.

use std::io::Read;
use std::time::Duration;

use regrant::relay::Operation;
use regrant_server::server::{Options, Server, StartError};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use ureq::Agent;

use crate::places::{DEADLINE, Place};

/// A server, until it is dropped.
pub struct Running {
    pub url: String,
    server: Option<Server>,
    runtime: Option<Runtime>,
}

pub fn options(place: &Place) -> Options {
    Options {
        listen: ([127, 0, 0, 1], 0).into(),
        database: place.address.clone(),
        public_url: None,
        relay_id: Some("test:relay".into()),
        origins: vec![],
        dev: true,
        rate: 0,
        behind_proxy: false,
        connections: 100,
        database_connections: 4,
        threads: 2,
    }
}

impl Running {
    pub fn start(options: Options) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(Server::start(options))?;
        Ok(Self { url: server.url.clone(), server: Some(server), runtime: Some(runtime) })
    }

    /// Stops it as SIGTERM does.
    pub fn stop(&mut self) {
        if let (Some(server), Some(runtime)) = (self.server.take(), self.runtime.as_ref()) {
            runtime.block_on(async { tokio::time::timeout(DEADLINE, server.stop()).await }).expect("it did not stop");
        }
    }

    pub fn client(&self, application: &str) -> Client {
        Client::new(&format!("{}/v1/{application}", self.url))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Said {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The status and the code of what was refused, of the whole request or of the first operation.
    pub fn refused(&self) -> (u16, String) {
        let json = self.json();
        let first = json.get(0).unwrap_or(&json);
        (self.status, first["refused"].as_str().unwrap_or_default().to_owned())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Clone)]
pub struct Client {
    pub base: String,
    agent: Agent,
}

impl Client {
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build();
        Self { base: base.into(), agent: config.into() }
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Said, ureq::Error> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body)?;
        let bytes = response.body_mut().with_config().limit(64 << 20).read_to_vec()?;
        Ok(Said { status: response.status().as_u16(), headers: response.headers().clone(), bytes })
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Said {
        let mut response = self.open(path, headers);
        let bytes = response.body_mut().read_to_vec().unwrap();
        Said { status: response.status().as_u16(), headers: response.headers().clone(), bytes }
    }

    fn open(&self, path: &str, headers: &[(&str, &str)]) -> ureq::http::Response<ureq::Body> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.call().unwrap()
    }

    /// Operations of whoever has a token.
    pub fn call(&self, token: Option<&str>, operations: &Value) -> Said {
        self.call_with(token, operations, &[])
    }

    pub fn call_with(&self, token: Option<&str>, operations: &Value, more: &[(&str, &str)]) -> Said {
        self.try_call(token, operations, more).unwrap()
    }

    pub fn try_call(
        &self,
        token: Option<&str>,
        operations: &Value,
        more: &[(&str, &str)],
    ) -> Result<Said, ureq::Error> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        headers.extend(more);
        self.post("/call", &headers, operations.to_string().as_bytes())
    }

    /// Registers a login with keys of its own. Gives a session's token.
    pub fn register(&self, login: &str, n: usize) -> String {
        let said = self.call(None, &json!([registration(login, n)]));
        assert_eq!(said.status, 200, "{said:?}");
        said.json()[0]["token"].as_str().unwrap().to_owned()
    }

    /// The events that a session is told.
    pub fn events(&self, token: &str) -> Events {
        let bearer = format!("Bearer {token}");
        let response = self.open("/changes", &[("accept", "text/event-stream"), ("authorization", &bearer)]);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Events { from: Box::new(response.into_body().into_reader()), text: String::new() }
    }
}

/// A registration as JSON.
pub fn registration(login: &str, n: usize) -> Value {
    serde_json::to_value(crate::support::registration(login, n, None)).unwrap()
}

pub fn json_of(operation: &Operation) -> Value {
    serde_json::to_value(operation).unwrap()
}

/// What comes in a stream of events.
pub struct Events {
    from: Box<dyn Read + Send>,
    text: String,
}

impl Iterator for Events {
    type Item = (String, Value);

    /// The next event and its data; `None` once the stream ends.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
                // Comments are no events.
                let (Some(kind), Some(data)) = (field("event: "), field("data: ")) else { continue };
                return Some((kind, serde_json::from_str(&data).unwrap()));
            }
            let mut buffer = [0; 4096];
            match self.from.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.text.push_str(std::str::from_utf8(&buffer[..n]).unwrap()),
            }
        }
    }
}

/// Something that another thread waits for, with a deadline.
pub fn waited<T: Send + 'static>(what: &str, within: Duration, wait: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || send.send(wait()));
    receive.recv_timeout(within).unwrap_or_else(|_| panic!("{what}: not within {within:?}"))
}
