//! How many requests an address may make.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::problem::Problem;

/// Whom a request comes from, as the connection says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Counts requests of each address.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    limiter: Option<Arc<DefaultKeyedRateLimiter<IpAddr>>>,
    behind_proxy: bool,
}

impl Limit {
    /// So many requests a second, and four times that at once; 0: as many as come. `behind_proxy`: the address is the last
    /// that `X-Forwarded-For` names.
    pub(crate) fn new(per_second: u32, behind_proxy: bool) -> Self {
        let quota = NonZeroU32::new(per_second).map(|n| Quota::per_second(n).allow_burst(n.saturating_mul(FOUR)));
        Self { limiter: quota.map(|quota| Arc::new(RateLimiter::keyed(quota))), behind_proxy }
    }

    /// Forgets addresses that have all their requests again.
    pub(crate) fn forget(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
        }
    }

    fn address(&self, peer: Option<&Peer>, headers: &HeaderMap) -> IpAddr {
        let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.0);
        if !self.behind_proxy {
            return whole(peer);
        }
        let named = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
        let last = named.and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
        whole(last.unwrap_or(peer))
    }
}

const FOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// Whoever has one address of version 6 has a network of them.
fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

pub(crate) async fn limited(State(limit): State<Limit>, request: Request, next: Next) -> Response {
    let Some(limiter) = &limit.limiter else { return next.run(request).await };
    let address = limit.address(request.extensions().get(), request.headers());
    match limiter.check_key(&address) {
        Ok(()) => next.run(request).await,
        Err(until) => {
            metrics::counter!("regrant_rate_limited_total").increment(1);
            let wait = until.wait_time_from(DefaultClock::default().now());
            Problem::new("ERR_RATE_LIMITED", "too many requests from this address")
                .after(wait.as_secs() + 1)
                .into_response()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_last_that_a_proxy_names_and_only_behind_one() {
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), "1.1.1.1, 2.2.2.2".parse().unwrap())]);
        let peer = Peer("9.9.9.9".parse().unwrap());
        let of = |behind, headers| Limit::new(1, behind).address(Some(&peer), headers).to_string();
        assert_eq!(of(false, &headers), "9.9.9.9");
        assert_eq!(of(true, &headers), "2.2.2.2");
        assert_eq!(of(true, &HeaderMap::new()), "9.9.9.9");
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        let of = |text: &str| whole(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:1.2.3.4"), "1.2.3.4");
    }
}
