//! Whether a token may still be handed out: a rule of numbers, without a clock of its own.

use crate::clock::Millis;

/// What to do with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Hand it out.
    Fresh,
    /// Hand it out, and get the next one in the background.
    RefreshSoon,
    /// Get another first.
    Stale,
}

/// When a token was obtained and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When it was obtained.
    pub minted_at_ms: Millis,
    /// When it ends; `None` is never, as far as anyone knows.
    pub expires_at_ms: Option<Millis>,
}

/// How early is early, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margins {
    /// With less than this left a token is not handed out.
    pub stale_ms: Millis,
    /// With less than this left it is refreshed in the background.
    pub soon_ms: Millis,
}

/// The rule. `min_ttl_ms` is what the reader asks for; it counts up to half the token's life, so that no reader can make every
/// read a mint. The margins shrink with the life as well (a quarter and a half of it): a token of one minute would otherwise be
/// stale when it is born.
#[must_use]
pub fn freshness(life: Life, now_ms: Millis, min_ttl_ms: Millis, margins: Margins) -> Freshness {
    let Some(expires_at_ms) = life.expires_at_ms else {
        return Freshness::Fresh;
    };
    let whole = expires_at_ms.saturating_sub(life.minted_at_ms).max(0);
    let left = expires_at_ms.saturating_sub(now_ms);
    let stale = margins.stale_ms.min(whole / 4).max(min_ttl_ms.clamp(0, whole / 2));
    if left <= stale {
        Freshness::Stale
    } else if left <= margins.soon_ms.min(whole / 2) {
        Freshness::RefreshSoon
    } else {
        Freshness::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MARGINS: Margins = Margins {
        stale_ms: 60_000,
        soon_ms: 300_000,
    };

    fn hour(now_ms: Millis, min_ttl_ms: Millis) -> Freshness {
        freshness(
            Life {
                minted_at_ms: 0,
                expires_at_ms: Some(3_600_000),
            },
            now_ms,
            min_ttl_ms,
            MARGINS,
        )
    }

    #[test]
    fn an_hour_s_token() {
        assert_eq!(hour(0, 0), Freshness::Fresh);
        assert_eq!(hour(3_300_000 - 1, 0), Freshness::Fresh);
        assert_eq!(hour(3_300_000, 0), Freshness::RefreshSoon);
        assert_eq!(hour(3_540_000, 0), Freshness::Stale);
        assert_eq!(hour(1_799_999, 7_200_000), Freshness::Fresh, "min_ttl counts up to half the life");
        assert_eq!(hour(1_800_000, 7_200_000), Freshness::Stale);
    }

    #[test]
    fn a_token_that_came_expired_is_stale() {
        let life = Life {
            minted_at_ms: 1_000_000,
            expires_at_ms: Some(500),
        };
        assert_eq!(freshness(life, 1_000_000, 0, MARGINS), Freshness::Stale);
    }

    proptest! {
        #[test]
        fn what_is_handed_out_has_not_ended(minted in 0i64..1 << 40, life in 0i64..1 << 40, age in 0i64..1 << 41, ttl in 0i64..1 << 41) {
            let life = Life { minted_at_ms: minted, expires_at_ms: Some(minted + life) };
            if freshness(life, minted + age, ttl, MARGINS) != Freshness::Stale {
                prop_assert!(life.expires_at_ms.unwrap() > minted + age);
            }
        }

        #[test]
        fn a_new_token_is_never_stale(life in 1i64..1 << 40, ttl in 0i64..1 << 41) {
            let life = Life { minted_at_ms: 0, expires_at_ms: Some(life) };
            prop_assert_ne!(freshness(life, 0, ttl, MARGINS), Freshness::Stale);
        }

        #[test]
        fn time_only_makes_it_worse(life in 1i64..1 << 40, a in 0i64..1 << 40, b in 0i64..1 << 40, ttl in 0i64..1 << 40) {
            let rank = |age| match freshness(Life { minted_at_ms: 0, expires_at_ms: Some(life) }, age, ttl, MARGINS) {
                Freshness::Fresh => 0, Freshness::RefreshSoon => 1, Freshness::Stale => 2,
            };
            prop_assert!(rank(a.min(b)) <= rank(a.max(b)));
        }
    }
}
