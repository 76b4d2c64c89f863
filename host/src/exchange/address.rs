//! The secret in a session's address: 256 bits that only this server can make, and that only the runner of that session is told.
//!
//! It is derived, not stored: from project, session, when that was made and how often it was started. So every replica and every restart of the
//! server knows it, a stolen database does not tell it, and a session that is started again has another. In front of it stands the session's
//! handle, which is no secret, so that an address that leads nowhere costs a look into memory and no decryption.

use crate::ids::SessionHandle;
use crate::records::model::Session;
use crate::seal::{Keyring, Purpose};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

/// How it begins. The log takes out what begins so (`telemetry::redact`).
const HEAD: &str = "cvx_";

/// An address's secret, taken apart and not yet believed.
pub(super) struct Presented {
    /// Which session it says that it belongs to.
    pub(super) handle: SessionHandle,
    mac: Vec<u8>,
}

/// The secret of a session since its last start.
pub(super) fn secret_of(keyring: &Keyring, session: &Session) -> Secret {
    let (_, key) = keyring.current(Purpose::ExchangeAddress);
    let mac = hmac::sign(key, &what(session));
    let handle = SessionHandle::of(&session.project_id, &session.id);
    Secret::new(format!("{HEAD}{handle}{}", URL_SAFE_NO_PAD.encode(mac)))
}

impl Presented {
    /// From the text in a path.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (handle, mac) = SessionHandle::split_from(text.strip_prefix(HEAD)?)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        Some(Self { handle, mac })
    }

    /// Whether it is this session's, in constant time. Under any key version: a running session's address outlives a new key.
    pub(super) fn fits(&self, keyring: &Keyring, session: &Session) -> bool {
        let what = what(session);
        let mut versions = keyring.versions().into_iter();
        versions.any(|version| {
            let key = keyring.derived(Purpose::ExchangeAddress, version);
            key.is_ok_and(|key| hmac::verify(key, &what, &self.mac).is_ok())
        })
    }
}

/// Each name is preceded by its length, so that no two sessions give one text.
fn what(session: &Session) -> Vec<u8> {
    let mut what = Vec::new();
    for part in [session.project_id.as_str(), session.id.as_str()] {
        what.extend_from_slice(&(part.len() as u64).to_be_bytes());
        what.extend_from_slice(part.as_bytes());
    }
    what.extend_from_slice(&session.created_at_ms.to_be_bytes());
    what.extend_from_slice(&session.starts.to_be_bytes());
    what
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::tests::session;
    use std::collections::BTreeSet;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NEXT: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

    fn keyring(json: &str) -> Keyring {
        Keyring::parse(&Secret::new(json.to_owned()), None).unwrap()
    }

    #[test]
    fn it_is_this_sessions_since_this_start_and_no_others() {
        let keyring = keyring(&format!(r#"{{"1": "{KEY}"}}"#));
        let own = session("atlas", "talk-0001");
        let others = [
            session("atlas", "talk-0002"),
            session("harbor", "talk-0001"),
            Session {
                starts: own.starts + 1,
                ..own.clone()
            },
            Session {
                created_at_ms: own.created_at_ms + 1,
                ..own.clone()
            },
        ];
        let secret = secret_of(&keyring, &own);
        let text = secret.expose();
        assert_eq!(text.len(), 4 + 16 + 43);
        let presented = Presented::read(text).unwrap();
        assert_eq!(presented.handle, SessionHandle::of(&own.project_id, &own.id));
        assert!(presented.fits(&keyring, &own));
        let mut all = BTreeSet::from([text.to_owned()]);
        for other in &others {
            assert!(!presented.fits(&keyring, other));
            assert!(all.insert(secret_of(&keyring, other).expose().to_owned()));
        }
        // What does not change who it is does not change it.
        let renamed = Session {
            name: "another".to_owned(),
            updated_at_ms: 99,
            ..own
        };
        assert_eq!(secret_of(&keyring, &renamed).expose(), text);
    }

    #[test]
    fn it_outlives_a_new_key_and_no_other_keyring_knows_it() {
        let own = session("atlas", "talk-0001");
        let text = secret_of(&keyring(&format!(r#"{{"1": "{KEY}"}}"#)), &own);
        let presented = Presented::read(text.expose()).unwrap();
        assert!(presented.fits(&keyring(&format!(r#"{{"1": "{KEY}", "2": "{NEXT}"}}"#)), &own));
        assert!(!presented.fits(&keyring(&format!(r#"{{"2": "{NEXT}"}}"#)), &own));
    }

    #[test]
    fn a_cut_or_bent_one_fits_nothing() {
        let keyring = keyring(&format!(r#"{{"1": "{KEY}"}}"#));
        let own = session("atlas", "talk-0001");
        let secret = secret_of(&keyring, &own);
        let text = secret.expose();
        for cut in 0..text.len() {
            assert!(Presented::read(&text[..cut]).is_none_or(|p| !p.fits(&keyring, &own)), "{cut}");
        }
        for at in 20..text.len() {
            let bent: String = text
                .chars()
                .enumerate()
                .map(|(i, c)| {
                    if i != at {
                        c
                    } else if c == 'A' {
                        'B'
                    } else {
                        'A'
                    }
                })
                .collect();
            assert!(Presented::read(&bent).is_none_or(|p| !p.fits(&keyring, &own)), "{at}");
        }
        for strange in ["", "cvx_", "cvx_ééééééééééééééééé", "../../token"] {
            assert!(Presented::read(strange).is_none_or(|p| !p.fits(&keyring, &own)), "{strange}");
        }
    }
}
