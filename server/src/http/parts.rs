//! `POST …/parts/ITEM/put` and `…/get`: parts of files, as bytes beside the operations.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use regrant_protocol::operations::Part;
use regrant_relay::Options;
use serde::Deserialize;
use uuid::Uuid;

use super::problem::{Problem, status_of_refusal};
use super::{App, body, call};
use crate::relay::{Operations, Request, now};
use crate::storage::{PartBytes, Tenant};

/// The longest request, and the most parts in one.
const MOST: usize = (20 << 20) + 4096;
const MOST_PARTS: usize = 64;
/// The longest list of names.
const MOST_NAMES: usize = 16 << 10;
/// The length of a part that is not there.
const MISSING: u32 = u32::MAX;
const BYTES: &str = "application/octet-stream";

pub(super) async fn put(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Path((application, item)) = path?;
    body::require(&headers, BYTES)?;
    let item = parse_item(&item)?;
    let tenant = app.tenant(&application).await?;
    let parts = unframe(&body::read(&headers, body, MOST).await?)?;
    let named = parts.iter().map(|(name, bytes)| Ok((part(name)?, bytes.len() as u64)));
    let operation = Operations::PutParts(item, named.collect::<Result<_, Problem>>()?);
    allowed(&app, &tenant, &headers, operation).await?;
    app.relay.database().put_parts(tenant.id, item, &parts).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    basis: Uuid,
    names: Vec<String>,
}

pub(super) async fn get(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Path((application, item)) = path?;
    body::require(&headers, "application/json")?;
    let item = parse_item(&item)?;
    let tenant = app.tenant(&application).await?;
    let nonsense = |_| Problem::new("ERR_BAD_INPUT", "the body is not `{ \"basis\": UUID, \"names\": […] }`");
    let wanted: Wanted = serde_json::from_slice(&body::read(&headers, body, MOST_NAMES).await?).map_err(nonsense)?;
    let parts = wanted.names.iter().map(|name| part(name)).collect::<Result<_, Problem>>()?;
    allowed(&app, &tenant, &headers, Operations::GetParts(item, wanted.basis, parts)).await?;
    let found = app.relay.database().get_parts(tenant.id, item, &wanted.names).await?;
    let framed = frame(wanted.names.iter().zip(found));
    Ok(([(header::CONTENT_TYPE, BYTES), (header::CACHE_CONTROL, "no-store")], framed).into_response())
}

/// Refuses what the rules refuse.
async fn allowed(app: &App, tenant: &Tenant, headers: &HeaderMap, operations: Operations) -> Result<(), Problem> {
    let options = Options { settings: tenant.settings.clone(), ..Options::new(app.relay_id(headers), now()) };
    let request = Request { tenant: tenant.id, token: call::token(headers)?, operations, options };
    match app.relay.call(request).await?.refused {
        None => Ok(()),
        Some(refusal) => Err(Problem::refused(status_of_refusal(&refusal), refusal)),
    }
}

fn parse_item(text: &str) -> Result<Uuid, Problem> {
    let item = Uuid::try_parse(text).ok().filter(|item| item.to_string() == text);
    item.ok_or_else(|| Problem::new("ERR_BAD_INPUT", "an item's id is a UUID in lowercase"))
}

/// A part by its name. It is kept by no other.
fn part(name: &str) -> Result<Part, Problem> {
    let chunk = || name.parse().ok().filter(|n| Part::Chunk(*n).name() == name).map(Part::Chunk);
    let part = match name {
        "head" => Some(Part::Head),
        "hashes" => Some(Part::Hashes),
        "trailer" => Some(Part::Trailer),
        _ => chunk(),
    };
    part.ok_or_else(|| Problem::new("ERR_BAD_INPUT", "a part is head, hashes, trailer or a number of ten digits"))
}

fn frame<'a>(parts: impl Iterator<Item = (&'a String, Option<Vec<u8>>)>) -> Vec<u8> {
    let mut framed = Vec::new();
    for (name, bytes) in parts {
        // Names are short: they were parsed.
        framed.extend((name.len() as u16).to_be_bytes());
        framed.extend(name.as_bytes());
        framed.extend(bytes.as_ref().map_or(MISSING, |bytes| bytes.len() as u32).to_be_bytes());
        framed.extend(bytes.unwrap_or_default());
    }
    framed
}

fn unframe(mut framed: &[u8]) -> Result<Vec<PartBytes>, Problem> {
    let broken = || Problem::new("ERR_BAD_INPUT", "the body is not of names and bytes with their lengths before them");
    let mut parts = Vec::new();
    while !framed.is_empty() {
        if parts.len() == MOST_PARTS {
            return Err(Problem::new("ERR_TOO_LARGE", "too many parts in one request: at most 64"));
        }
        let length = u16::from_be_bytes(take(&mut framed).ok_or_else(broken)?);
        let name = take_bytes(&mut framed, length.into()).ok_or_else(broken)?;
        let name = std::str::from_utf8(name).ok().filter(|name| name.is_ascii()).ok_or_else(broken)?;
        let length = u32::from_be_bytes(take(&mut framed).ok_or_else(broken)?);
        let bytes = take_bytes(&mut framed, length as usize).ok_or_else(broken)?;
        parts.push((name.to_owned(), bytes.to_vec()));
    }
    if parts.is_empty() { Err(broken()) } else { Ok(parts) }
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    take_bytes(from, N)?.try_into().ok()
}

fn take_bytes<'a>(from: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_framed_is_unframed_and_nothing_else_is() {
        let parts = vec![("head".to_owned(), vec![1, 2]), ("0000000001".to_owned(), vec![])];
        let framed = frame(parts.iter().map(|(name, bytes)| (name, Some(bytes.clone()))));
        assert_eq!(unframe(&framed).unwrap(), parts);
        for end in 0..framed.len() {
            let is_end_of_part = end == 12;
            assert_eq!(unframe(&framed[..end]).is_ok(), is_end_of_part, "{end}");
        }
        let missing = frame([(&"head".to_owned(), None)].into_iter());
        assert_eq!(missing, [&[0, 4][..], b"head", &[255; 4]].concat());
        assert!(unframe(&missing).is_err());
        assert!(unframe(&[0, 0, 0, 0, 0, 0].repeat(65)).is_err());
    }

    #[test]
    fn a_part_has_one_name() {
        assert_eq!(part("0000000012").unwrap(), Part::Chunk(12));
        for wrong in ["12", "00000000012", "+000000012", "Head", "", "../head"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }
}
