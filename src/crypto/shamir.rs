//! k-of-n shares of a secret, authenticated (Shamir 1979, over GF(256) with polynomial 0x11B).
//!
//! A share is `x ‖ y`: x = 1..n, y as long as what is shared, which is `secret ‖ tag` with tag = the first
//! 16 bytes of SHA-256(T("shamir", secret)). Each byte has its own random polynomial of degree k - 1 whose
//! value at 0 is the byte. Combining interpolates *all* shares given at 0 and checks the tag, so that too
//! few, altered or mixed shares are refused instead of giving a wrong secret. The tag is itself shared:
//! below the threshold it says as little as the secret does.
//!
//! Field arithmetic has no table and no branch that depends on a secret. Knows nothing of guardians.

use zeroize::{Zeroize, Zeroizing};

use super::Engine;
use crate::encoding::Transcript;
use crate::error::{Code, Error, Result};
use crate::secret::{SecretBytes, equal};

/// The longest secret that is split, in bytes.
pub const MAX_SECRET: usize = 65_536;
/// What a share adds to the secret's length: x and the tag.
pub const SHARE_OVERHEAD: usize = 1 + TAG;
const TAG: usize = 16;

/// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1: always eight rounds, masks instead of branches.
fn mul(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= a & (b & 1).wrapping_neg();
        a = (a << 1) ^ (0x1b & (a >> 7).wrapping_neg());
        b >>= 1;
    }
    product
}

/// a^254, which is 1/a (and 0 for 0).
fn invert(a: u8) -> u8 {
    // 254 = 2 + 4 + … + 128
    let (mut square, mut out) = (a, 1);
    for _ in 0..7 {
        square = mul(square, square);
        out = mul(out, square);
    }
    out
}

fn tag(secret: &[u8]) -> [u8; TAG] {
    let transcript = Zeroizing::new(Transcript::new("shamir").bytes(secret).finish());
    let mut tag = [0; TAG];
    tag.copy_from_slice(&<sha2::Sha256 as sha2::Digest>::digest(&transcript[..])[..TAG]);
    tag
}

/// Splits `secret` (1 to 65,536 bytes) into `shares`, any `threshold` of which give it back.
///
/// 2 <= threshold <= shares <= 255: a threshold of 1 would make every share the secret itself, for which
/// handing out the secret says more plainly what is done. Errors: `BadInput`.
pub fn split(engine: &Engine, secret: &[u8], threshold: u8, shares: u8) -> Result<Vec<SecretBytes>> {
    check_split(secret, threshold, shares)?;
    let mut coefficients = Zeroizing::new(vec![0; (secret.len() + TAG) * (threshold as usize - 1)]);
    engine.fill_random(&mut coefficients)?;
    Ok(shares_of(secret, &coefficients, threshold, shares))
}

/// [`split`] with the polynomials given, lowest power first, `threshold - 1` bytes for each byte of
/// `secret ‖ tag`: for test vectors only.
#[doc(hidden)]
pub fn dangerous_split_with(secret: &[u8], threshold: u8, shares: u8, coefficients: &[u8]) -> Result<Vec<SecretBytes>> {
    check_split(secret, threshold, shares)?;
    if coefficients.len() != (secret.len() + TAG) * (threshold as usize - 1) {
        return Err(Error::bad_input("the coefficients have another length"));
    }
    Ok(shares_of(secret, coefficients, threshold, shares))
}

fn check_split(secret: &[u8], threshold: u8, shares: u8) -> Result<()> {
    if secret.is_empty() || secret.len() > MAX_SECRET {
        return Err(Error::bad_input("a secret to be split has 1 to 65536 bytes"));
    }
    if threshold < 2 || threshold > shares {
        return Err(Error::bad_input("2 <= threshold <= shares <= 255"));
    }
    Ok(())
}

fn shares_of(secret: &[u8], coefficients: &[u8], threshold: u8, shares: u8) -> Vec<SecretBytes> {
    let mut shared = Zeroizing::new(Vec::with_capacity(secret.len() + TAG));
    shared.extend_from_slice(secret);
    shared.extend_from_slice(&tag(secret));
    let polynomials = coefficients.chunks_exact(threshold as usize - 1);
    let share = |x: u8| {
        let mut out = Vec::with_capacity(1 + shared.len());
        out.push(x);
        // Horner, from the highest power down to the byte itself.
        let at_x = polynomials.clone().zip(shared.iter());
        out.extend(at_x.map(|(higher, byte)| mul(higher.iter().rev().fold(0, |sum, c| mul(sum, x) ^ c), x) ^ byte));
        SecretBytes::new(out)
    };
    (1..=shares).map(share).collect()
}

/// The secret of at least `threshold` shares, all of which must be of one split.
///
/// Errors: [`Code::BadInput`] for none, repeated x, x = 0, or lengths that differ or are impossible;
/// [`Code::VerificationFailed`] when what they give is not what was split (too few, altered, mixed).
pub fn combine(shares: &[&[u8]]) -> Result<SecretBytes> {
    let length = shares.first().map_or(0, |share| share.len());
    if shares.is_empty() || shares.len() > 255 {
        return Err(Error::bad_input("2 to 255 shares give a secret back"));
    }
    if length <= SHARE_OVERHEAD || length > SHARE_OVERHEAD + MAX_SECRET || shares.iter().any(|s| s.len() != length) {
        return Err(Error::bad_input("the shares are not shares of one secret: their lengths do not fit"));
    }
    let mut seen = [false; 256];
    for share in shares {
        if share[0] == 0 || std::mem::replace(&mut seen[share[0] as usize], true) {
            return Err(Error::bad_input("a share is repeated or is not one"));
        }
    }
    let mut shared = SecretBytes::new(vec![0; length - 1]);
    for share in shares {
        // Lagrange's coefficient at 0: the product of x_j / (x_j - x_i). The x are public.
        let others = shares.iter().map(|other| other[0]).filter(|x| *x != share[0]);
        let weight = others.fold(1, |product, x| mul(product, mul(x, invert(x ^ share[0]))));
        shared.expose_mut().iter_mut().zip(&share[1..]).for_each(|(sum, y)| *sum ^= mul(weight, *y));
    }
    let (secret, found) = shared.expose().split_at(length - SHARE_OVERHEAD);
    let mut expected = tag(secret);
    let genuine = equal(&expected, found);
    expected.zeroize();
    if !genuine {
        return Err(Error::new(
            Code::VerificationFailed,
            "these shares do not give the secret: too few, altered, or of different secrets",
        ));
    }
    Ok(SecretBytes::new(secret.to_vec()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn take(shares: &[SecretBytes], which: &[usize]) -> Result<SecretBytes> {
        combine(&which.iter().map(|i| shares[*i].expose()).collect::<Vec<_>>())
    }

    #[test]
    fn the_field_is_the_one_of_aes() {
        // FIPS 197 section 4.2: {57} * {83} = {c1}, {57} * {13} = {fe}.
        assert_eq!((mul(0x57, 0x83), mul(0x57, 0x13)), (0xc1, 0xfe));
        assert!((1..=255).all(|a| mul(a, invert(a)) == 1));
        assert_eq!(invert(0), 0);
    }

    #[test]
    fn any_threshold_of_guardians_and_no_fewer_give_the_secret_back() {
        let secret = b"32 bytes that open a keyset key!";
        let shares = split(&Engine::rust(), secret, 3, 5).unwrap();
        for which in [&[0, 1, 2][..], &[4, 2, 0], &[1, 3, 4], &[0, 1, 2, 3], &[0, 1, 2, 3, 4]] {
            assert_eq!(take(&shares, which).unwrap().expose(), secret);
        }
        for which in [&[0, 1][..], &[3, 4]] {
            assert_eq!(take(&shares, which).unwrap_err().code(), Code::VerificationFailed);
        }
    }

    #[test]
    fn an_altered_or_foreign_share_is_refused() {
        let engine = Engine::rust();
        let (shares, other) = (split(&engine, b"secret", 2, 3).unwrap(), split(&engine, b"secret", 2, 3).unwrap());
        let good = shares[0].expose();
        for i in 1..good.len() {
            let mut bad = good.to_vec();
            bad[i] ^= 1;
            assert_eq!(combine(&[&bad, shares[1].expose()]).unwrap_err().code(), Code::VerificationFailed);
        }
        let mixed = combine(&[good, other[1].expose()]);
        assert_eq!(mixed.unwrap_err().code(), Code::VerificationFailed);
        let mut moved = good.to_vec();
        moved[0] = 7;
        assert_eq!(combine(&[&moved, shares[1].expose()]).unwrap_err().code(), Code::VerificationFailed);
    }

    #[test]
    fn misuse_is_bad_input() {
        let engine = Engine::rust();
        for (threshold, shares) in [(0, 3), (1, 3), (4, 3), (2, 1)] {
            assert_eq!(split(&engine, b"secret", threshold, shares).unwrap_err().code(), Code::BadInput);
        }
        assert_eq!(split(&engine, b"", 2, 3).unwrap_err().code(), Code::BadInput);
        assert_eq!(split(&engine, &vec![0; MAX_SECRET + 1], 2, 3).unwrap_err().code(), Code::BadInput);
        let shares = split(&engine, b"secret", 2, 255).unwrap();
        assert_eq!(take(&shares, &[0, 254]).unwrap().expose(), b"secret");
        assert_eq!(take(&shares, &[0]).unwrap_err().code(), Code::VerificationFailed);
        for which in [&[][..], &[0, 0], &[0, 1, 0]] {
            assert_eq!(take(&shares, which).unwrap_err().code(), Code::BadInput);
        }
        let (a, b) = (shares[0].expose(), shares[1].expose());
        let mut zero = b.to_vec();
        zero[0] = 0;
        for pair in [[a, &b[..b.len() - 1]], [a, &zero], [&a[..17], &b[..17]], [&[], &[]]] {
            assert_eq!(combine(&pair).unwrap_err().code(), Code::BadInput);
        }
    }
}
