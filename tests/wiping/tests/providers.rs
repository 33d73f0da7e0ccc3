//! What a provider leaves on the stack: nothing of a secret. Whoever calls it cannot know how deep its frames were.

use iacp_core::crypto::{ChaChaOnly, Compact, Portable, Provider, Secret32, Suite};
use iacp_salty::Salty;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::hint::black_box;
use wiping::left_on_the_stack;

/// What lies on the stack of these bytes: any half of them.
fn lies(stack: &[u8], secret: &[u8]) -> bool {
    secret.chunks_exact(16).any(|half| stack.windows(16).any(|window| window == half))
}

/// An operation, run on a stack of its own.
fn check(failures: &mut Vec<String>, what: &str, secrets: &[&[u8]], work: impl FnOnce()) {
    let stack = left_on_the_stack(work);
    let deep = stack.len() - stack.iter().position(|byte| *byte != 0).unwrap_or(0);
    for (number, secret) in secrets.iter().enumerate() {
        if lies(&stack, secret) {
            let at = secret
                .chunks_exact(16)
                .find_map(|half| (0..stack.len() - 16).rev().find(|at| &stack[*at..at + 16] == half));
            let at = stack.len() - at.unwrap_or(0);
            failures.push(format!("{what}: secret {number}, {deep} deep, at {at}"));
        }
    }
}

fn leaves_nothing<P: Provider>(name: &str, failures: &mut Vec<String>) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (seed, ours) = (Secret32::random(&mut rng), Secret32::random(&mut rng));
    let theirs = P::x25519_public(&Secret32::random(&mut rng));
    let shared = P::x25519(&ours, &theirs).expect("no weak key");
    let key = P::signing_key(&seed);
    let own = P::static_secret(&key);
    let (seed_, ours_, shared_) = (seed.expose(), ours.expose(), shared.expose());
    check(failures, &format!("{name} x25519"), &[ours_, shared_], || {
        black_box(&P::x25519(&ours, &theirs));
    });
    check(failures, &format!("{name} x25519_public"), &[ours_], || {
        black_box(&P::x25519_public(&ours));
    });
    check(failures, &format!("{name} signing_key"), &[seed_, own.expose()], || {
        black_box(&P::signing_key(&seed));
    });
    check(failures, &format!("{name} sign"), &[seed_, own.expose()], || {
        black_box(&P::sign(&key, b"a message"));
    });
    check(failures, &format!("{name} static_secret"), &[seed_, own.expose()], || {
        black_box(&P::static_secret(&key));
    });
    let mac = P::hmac_sha256(ours_, &[b"part"]);
    check(failures, &format!("{name} hmac"), &[ours_, mac.expose()], || {
        black_box(&P::hmac_sha256(ours_, &[b"part"]));
    });
    let extracted = P::hkdf_extract(b"salt", &[shared_]);
    check(failures, &format!("{name} extract"), &[shared_, extracted.expose()], || {
        black_box(&P::hkdf_extract(b"salt", &[shared_]));
    });
    let expanded = P::hkdf_expand_key(&extracted, b"info");
    check(failures, &format!("{name} expand"), &[extracted.expose(), expanded.expose()], || {
        black_box(&P::hkdf_expand_key(&extracted, b"info"));
    });
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        if !P::SUITES.has(suite) {
            continue;
        }
        check(failures, &format!("{name} cipher {suite:?}"), &[ours_], || {
            black_box(&P::cipher(suite, &ours));
        });
    }
}

#[test]
fn the_search_finds_a_secret_on_a_dead_stack() {
    let secret = black_box([7_u8, 9].repeat(16));
    let stack = left_on_the_stack(|| {
        let copy: [u8; 32] = black_box(secret.as_slice().try_into().expect("32"));
        black_box(&copy);
    });
    assert!(lies(&stack, &secret));
}

#[test]
fn no_operation_of_any_provider_leaves_a_secret_on_the_stack() {
    let mut failures = vec![];
    leaves_nothing::<Portable>("portable", &mut failures);
    leaves_nothing::<Compact>("compact", &mut failures);
    leaves_nothing::<ChaChaOnly>("chacha", &mut failures);
    leaves_nothing::<Salty>("salty", &mut failures);
    assert!(failures.is_empty(), "{failures:#?}");
}
