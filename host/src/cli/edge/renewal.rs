//! When a token is read again, so that its successor is there before it ends.

use crate::clock::Millis;

/// Clients hold a token's last five minutes for its end (`gh`, Google's libraries).
const AHEAD_MS: Millis = 5 * 60_000;
/// A token that does not end may be replaced all the same; the platform's sidecars look as often.
const LOOK_MS: Millis = 5 * 60_000;
/// A renewal that failed is tried again.
pub(super) const RETRY_MS: Millis = 10_000;

/// What each read asks for: more than is left when the next one comes, so that it brings another token. The server takes at most half of a
/// token's life, which is more than the last quarter of what was left.
pub(super) const MIN_TTL_S: u32 = 600;

/// When to read again.
pub(super) fn again_at_ms(now_ms: Millis, expires_at_ms: Option<Millis>) -> Millis {
    let Some(ends_ms) = expires_at_ms else {
        return now_ms + LOOK_MS;
    };
    let ahead_ms = ((ends_ms - now_ms).max(0) / 4).min(AHEAD_MS);
    // A token without life left would be read again and again.
    (ends_ms - ahead_ms).max(now_ms + 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_before_the_end_and_asks_for_more_than_is_left() {
        for life_ms in [4_000, 8_000, 60_000, 3_600_000, 28_800_000] {
            // The shortest that a read can bring: the server clamps to half of the life.
            for left_ms in [life_ms, (life_ms / 2).min(Millis::from(MIN_TTL_S) * 1000)] {
                let again = again_at_ms(0, Some(left_ms));
                assert!(again < left_ms, "{life_ms} {left_ms}: only at {again}");
                let asked_ms = (Millis::from(MIN_TTL_S) * 1000).min(life_ms / 2);
                assert!(left_ms - again < asked_ms, "{life_ms} {left_ms}: the same token would come again");
            }
        }
        assert_eq!(again_at_ms(5, None), 5 + LOOK_MS);
        assert_eq!(again_at_ms(5_000, Some(0)), 6_000);
    }
}
