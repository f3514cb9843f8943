//! Delegated access: asking somebody for something, once, and answering.

use std::cell::RefCell;

use uuid::Uuid;

use super::Session;
use crate::crypto::boxes::{open_message, seal_message};
use crate::crypto::keys::DecryptionKey;
use crate::encoding::{Bytes, Fixed};
use crate::error::{Code, Error, Result};
use crate::graph::Principal;
use crate::relay::{Operation, Reply, RequestRecord, onward, unexpected};
use crate::secret::{SecretBytes, make_id};
use crate::trust;
use crate::wire::access::{AccessRequest, AccessStatus, MAX_ANSWER, read_answer, signed_answer};
use crate::wire::{Extra, Party, verify};

/// RSA modulus of a key that is made for one request, in bits.
const MODULUS: usize = 3072;
/// How long a request stands if nothing is said, in milliseconds: a day.
const LIFE: u64 = 24 * 3_600_000;

/// A request that this session made: only here is the key that opens its answer.
#[derive(Debug)]
pub struct Asking {
    /// What was asked.
    pub request: AccessRequest,
    key: DecryptionKey,
    /// An answer that the relay gave, which it does only once, and whose author could not be judged yet.
    taken: RefCell<Option<Bytes>>,
}

/// An answer, and who gave it.
#[derive(Debug)]
pub struct Answered {
    /// What was answered.
    pub answer: SecretBytes,
    /// Whether the code of whoever was asked, and signed it, was compared.
    pub verified: bool,
}

/// A request for access, as both sides see it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request. Its signature was checked.
    pub request: AccessRequest,
    /// Where it stands.
    pub status: AccessStatus,
    /// Whether the application's code was compared.
    pub verified: bool,
}

async fn fetch(me: &Principal, id: Uuid, operation: &Operation) -> Result<RequestRecord> {
    match me.call(operation).await? {
        // Another one in its place could be anybody's.
        Reply::Request { request } if request.request.id == id => Ok(*request),
        _ => Err(unexpected()),
    }
}

/// Checks that a request is the application's own, by keys that may be relied on.
async fn genuine(me: &Principal, record: RequestRecord) -> Result<Asked> {
    let request = record.request;
    let unknown = || Error::new(Code::VerificationFailed, "this request was not made by the application that it names");
    let party: &Party = &request.application;
    let signer = me.signer(party).await?.ok_or_else(unknown)?;
    request.check(&signer.keyset.signing_key).map_err(|_| unknown())?;
    Ok(Asked { request, status: record.status, verified: signer.verified })
}

/// What was answered, once whoever was asked proves to have said it by the newest keys of theirs that are relied on: older
/// ones may be in the hands of whoever they were replaced for.
async fn opened_answer(me: &Principal, asking: &Asking, sealed: &Bytes) -> Result<Answered> {
    let request = &asking.request;
    let foreign = || Error::new(Code::VerificationFailed, "this answer is not by the one who was asked");
    let (size, context) = (request.encryption()?.size(), request.answer_context());
    let plain = open_message(&me.engine, &asking.key, size, &context, &sealed.0).await.map_err(|_| foreign())?;
    let (by, signature, answer) = read_answer(plain.expose()).map_err(|_| foreign())?;
    let party = Party { login: request.login.clone(), fingerprint: by };
    let signer = me.signer(&party).await?.ok_or_else(foreign)?;
    verify(&signer.keyset.signing_key, &request.answer_transcript(&by, answer.expose()), &signature)
        .map_err(|_| foreign())?;
    let newest = me.relied_on_now(std::slice::from_ref(&request.login)).await?;
    if newest.get(&request.login) != Some(&by) {
        return Err(foreign());
    }
    Ok(Answered { answer, verified: signer.verified })
}

impl Session {
    /// Asks a login for access, in the name of an application: an identity that this session is or acts for.
    pub async fn request_access(
        &self,
        login: &str,
        application: &str,
        origin: &str,
        scope: Option<String>,
        expires: Option<u64>,
    ) -> Result<Asking> {
        let acting = self.acting(application).await?;
        let (key, _) = acting.seal_for(&[]).await?;
        let pkcs8: SecretBytes = acting.engine.rsa_generate(MODULUS).await?;
        let (ephemeral, public) = acting.engine.import_decryption(&pkcs8).await?;
        let created = acting.now();
        let mut request = AccessRequest {
            id: make_id()?,
            application: key.party(),
            origin: origin.to_owned(),
            login: login.to_owned(),
            scope,
            ephemeral_key: Bytes(public.spki().to_vec()),
            created,
            expires: expires.unwrap_or(created + LIFE),
            signature: Fixed([0; 64]),
            extra: Extra::default(),
        };
        request.check_form()?;
        request.signature = key.sign(&acting.engine, &request.transcript()).await?;
        acting.call(&Operation::Ask { request: Box::new(request.clone()) }).await?;
        Ok(Asking { request, key: ephemeral, taken: RefCell::default() })
    }

    /// The answer of a request that this session made. `None`: not yet.
    /// Errors: [`Code::Forbidden`] if it was refused, [`Code::NotFound`] if it has expired or the answer was taken,
    /// [`Code::VerificationFailed`] if whoever was asked did not sign it, [`Code::IdentityChanged`] if it is by keys that
    /// replaced known ones without proof: it can be taken once they are relied on.
    pub async fn take_answer(&self, asking: &Asking) -> Result<Option<Answered>> {
        let request = &asking.request;
        let acting = self.acting(&request.application.login).await?;
        let before = asking.taken.borrow_mut().take();
        if let Some(answer) = before {
            return self.judge_answer(&acting, asking, answer).await.map(Some);
        }
        let record = fetch(&acting, request.id, &Operation::TakeAnswer { id: request.id }).await?;
        match (record.status, record.answer) {
            (AccessStatus::Pending, _) if request.expires <= acting.now() => {
                Err(Error::new(Code::NotFound, "this request for access has expired"))
            }
            (AccessStatus::Pending, _) => Ok(None),
            (AccessStatus::Refused, _) => Err(Error::new(Code::Forbidden, "this request for access was refused")),
            (AccessStatus::Resolved, Some(answer)) => self.judge_answer(&acting, asking, answer).await.map(Some),
            _ => Err(Error::new(Code::NotFound, "the answer to this request was taken before")),
        }
    }

    /// Opens an answer and says who gave it. What is not by whoever was asked is dropped; what cannot be judged yet waits
    /// in `asking`.
    async fn judge_answer(&self, acting: &Principal, asking: &Asking, answer: Bytes) -> Result<Answered> {
        let outcome = opened_answer(acting, asking, &answer).await;
        let outcome = self.keeping(outcome).await;
        if outcome.as_ref().is_err_and(|e| e.code() != Code::VerificationFailed) {
            *asking.taken.borrow_mut() = Some(answer);
        }
        outcome
    }

    /// One request to or by an identity that this session is or acts for.
    pub async fn access_request(&self, login: &str, id: Uuid) -> Result<Asked> {
        let acting = self.acting(login).await?;
        let record = fetch(&acting, id, &Operation::Asked { id }).await?;
        let outcome = genuine(&acting, record).await;
        self.keeping(outcome).await
    }

    /// Requests to or by an identity, newest first. One that its application did not make is left out.
    pub async fn access_requests(
        &self,
        login: &str,
        limit: u64,
        cursor: Option<String>,
    ) -> Result<(Vec<Asked>, Option<String>)> {
        let acting = self.acting(login).await?;
        let from = cursor.clone();
        let reply = acting.call(&Operation::AskedOf { limit, cursor }).await?;
        let Reply::Requests { requests, cursor } = reply else { return Err(unexpected()) };
        let cursor = onward(from.as_deref(), cursor)?;
        let mut out = Vec::with_capacity(requests.len());
        for record in requests {
            match genuine(&acting, record).await {
                Ok(asked) => out.push(asked),
                Err(e) if matches!(e.code(), Code::VerificationFailed | Code::IdentityChanged) => {}
                Err(e) => return Err(e),
            }
        }
        self.keeping(Ok((out, cursor))).await
    }

    /// Answers a request, or refuses it. With a code, the application's is compared first.
    pub async fn resolve_access(&self, login: &str, id: Uuid, answer: Option<&[u8]>, code: Option<&str>) -> Result<()> {
        let asked = self.access_request(login, id).await?;
        let acting = self.acting(login).await?;
        if asked.request.login != acting.login {
            return Err(Error::new(Code::Forbidden, "this request is not addressed to this identity"));
        }
        let Some(answer) = answer else {
            return acting.call(&Operation::Answer { id, answer: None }).await.map(drop);
        };
        if asked.request.expires <= acting.now() {
            return Err(Error::new(Code::Conflict, "this request for access has expired").for_good());
        }
        if answer.len() > MAX_ANSWER {
            return Err(Error::bad_input("an answer has at most 64 KiB"));
        }
        let application = &asked.request.application;
        let newest = acting.usable(std::slice::from_ref(&application.login)).await?.remove(0);
        if newest.fingerprint() != application.fingerprint {
            let message = "this request was made with keys that the application replaced since";
            return Err(Error::new(Code::VerificationFailed, message));
        }
        if let Some(code) = code {
            let otherwise = "the verification code does not match the application's key: answer nothing";
            trust::compare(code, &newest.fingerprint(), &newest.login, otherwise)?;
            acting.rely_on(&newest, true)?;
        }
        let (key, _) = acting.seal_for(&[]).await?;
        let transcript = asked.request.answer_transcript(&key.fingerprint, answer);
        let signature = key.sign(&acting.engine, &transcript).await?;
        let signed = signed_answer(&key.fingerprint, &signature, answer);
        let context = asked.request.answer_context();
        let sealed = seal_message(&acting.engine, &asked.request.encryption()?, &context, signed.expose()).await?;
        acting.call(&Operation::Answer { id, answer: Some(Bytes(sealed)) }).await?;
        self.keeping(Ok(())).await
    }
}
