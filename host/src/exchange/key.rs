//! The key pair of the exchange: RSA of 4096 bits, made once, sealed in the records, so that every replica and every later start has the same.
//!
//! Making one takes a second or several, so nobody waits for it who does not need it: whoever does waits for at most [`WAIT`], and the work goes
//! on without them. Of several replicas that make one at the same time the database keeps the first. aws-lc is used in this folder alone: ring
//! neither encrypts nor decrypts with RSA.

use super::ExchangeError;
use crate::ids::Generation;
use crate::records::Records;
use crate::seal::{Aad, Keyring, Purpose};
use crate::secret::Secret;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// Where the key lies among the records' single values.
const NAME: &str = "exchange-key";

/// How long one waits for a key that is being made. Clients of the exchange give up at 10 s and come back.
const WAIT: Duration = Duration::from_secs(8);

/// What a ciphertext of a 4096-bit key has, in bytes.
pub(super) const CIPHERTEXT_BYTES: usize = 512;

const PLACE: Aad<'static> = Aad {
    table: "meta",
    record: NAME,
    field: "private-key",
    generation: Generation::FIRST,
};

/// A key pair, ready for use.
pub(super) struct KeyPair {
    private: OaepPrivateDecryptingKey,
    public: Arc<str>,
}

/// The key pair of this deployment, once it is there. Cloning shares it.
#[derive(Clone)]
pub(super) struct SharedKey {
    records: Records,
    keyring: Keyring,
    pair: Arc<OnceCell<Arc<KeyPair>>>,
}

impl KeyPair {
    /// From PKCS#8 in base64.
    fn read(text: &Secret) -> Result<Self, ExchangeError> {
        let der = Zeroizing::new(STANDARD.decode(text.expose()).map_err(|_| ExchangeError::Damaged)?);
        let private = PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| ExchangeError::Damaged)?;
        let public: PublicKeyX509Der<'_> = private.public_key().as_der().map_err(|_| ExchangeError::Damaged)?;
        Ok(Self {
            public: pem(public.as_ref()).into(),
            private: OaepPrivateDecryptingKey::new(private).map_err(|_| ExchangeError::Damaged)?,
        })
    }

    /// RSA-OAEP with SHA-256, MGF1 with SHA-256, no label. Nothing if that is not what it is; why, nobody is told.
    pub(super) fn decrypt(&self, ciphertext: &[u8]) -> Option<Vec<u8>> {
        let mut plain = vec![0; self.private.min_output_size()];
        let length = self
            .private
            .decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut plain, None)
            .ok()?
            .len();
        plain.truncate(length);
        Some(plain)
    }

    /// The public half: PEM, `PUBLIC KEY` (SPKI), the form that every client reads.
    pub(super) fn public(&self) -> Arc<str> {
        Arc::clone(&self.public)
    }
}

/// A new one: PKCS#8 in base64.
fn make() -> Result<Secret, ExchangeError> {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa4096).map_err(|_| ExchangeError::Making)?;
    let der: Pkcs8V1Der<'_> = private.as_der().map_err(|_| ExchangeError::Making)?;
    Ok(Secret::new(STANDARD.encode(der.as_ref())))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    pem
}

impl SharedKey {
    pub(super) fn new(records: Records, keyring: Keyring) -> Self {
        Self {
            records,
            keyring,
            pair: Arc::default(),
        }
    }

    /// Whether one was made before, by whichever replica.
    pub(super) async fn is_made(&self) -> Result<bool, ExchangeError> {
        Ok(self.records.meta(NAME).await?.is_some())
    }

    /// The key pair; made, if there is none yet.
    pub(super) async fn get(&self) -> Result<Arc<KeyPair>, ExchangeError> {
        if let Some(pair) = self.pair.get() {
            return Ok(Arc::clone(pair));
        }
        let shared = self.clone();
        // A task of its own: whoever began it may have gone before it is done.
        let making = tokio::spawn(async move { shared.pair.get_or_try_init(|| shared.read_or_make()).await.cloned() });
        match tokio::time::timeout(WAIT, making).await {
            Ok(made) => made.map_err(|_| ExchangeError::Making)?,
            Err(_) => Err(ExchangeError::NotYet),
        }
    }

    async fn read_or_make(&self) -> Result<Arc<KeyPair>, ExchangeError> {
        let sealed = match self.records.meta(NAME).await? {
            Some(sealed) => sealed,
            None => {
                let made = blocking(make).await?;
                let sealed = self.keyring.seal(Purpose::Records, &PLACE, &made);
                self.records.meta_once(NAME, &sealed).await?
            }
        };
        let opened = self.keyring.open(Purpose::Records, &PLACE, &sealed)?;
        blocking(move || KeyPair::read(&opened)).await.map(Arc::new)
    }
}

/// Work of milliseconds to seconds, which must not hold up the threads that answer.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExchangeError> + Send + 'static,
) -> Result<T, ExchangeError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ExchangeError::Making)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{SharedClock, SystemClock};
    use crate::config;
    use crate::exchange::PublicKey;

    async fn shared(folder: &std::path::Path, keyring: &Keyring) -> SharedKey {
        let clock: SharedClock = Arc::new(SystemClock);
        let records = Records::open(folder, &config::Database::default(), clock).await.unwrap();
        SharedKey::new(records, keyring.clone())
    }

    fn encrypted(public: &str, plain: &[u8]) -> Vec<u8> {
        STANDARD.decode(PublicKey::parse(public).unwrap().encrypt(plain).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn one_key_for_all_replicas_and_starts_and_never_in_clear() {
        let folder = tempfile::tempdir().unwrap();
        let (keyring, _) = Keyring::generate().unwrap();
        let (one, two) = (shared(folder.path(), &keyring).await, shared(folder.path(), &keyring).await);
        assert!(!one.is_made().await.unwrap());
        let slow = |key: SharedKey| async move {
            loop {
                match key.get().await {
                    Err(ExchangeError::NotYet) => {}
                    done => return done.unwrap(),
                }
            }
        };
        let (first, second) = tokio::join!(slow(one.clone()), slow(two));
        assert_eq!(first.public(), second.public());
        let again = slow(shared(folder.path(), &keyring).await).await;
        assert_eq!(again.public(), first.public());
        let sealed = one.records.meta(NAME).await.unwrap().unwrap();
        assert!(sealed.starts_with("ck1.1.") && !sealed.contains("MII"), "{sealed}");

        let public = first.public();
        assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n") && public.ends_with("-----END PUBLIC KEY-----\n"));
        assert!(public.lines().all(|line| line.len() <= 64));
        let ciphertext = encrypted(&public, b"session-1");
        assert_eq!(ciphertext.len(), CIPHERTEXT_BYTES);
        assert_eq!(second.decrypt(&ciphertext).as_deref(), Some(b"session-1".as_slice()));
        let mut bent = ciphertext.clone();
        bent[100] ^= 1;
        assert_eq!(first.decrypt(&bent), None);
        assert_eq!(first.decrypt(&ciphertext[1..]), None);
        assert_eq!(first.decrypt(&[0; CIPHERTEXT_BYTES]), None);
        assert_eq!(first.decrypt(&[0xff; CIPHERTEXT_BYTES]), None);

        // A keyring that does not open it: said, and no other key made in its place.
        let (other, _) = Keyring::generate().unwrap();
        let stranger = shared(folder.path(), &other).await;
        assert!(matches!(stranger.get().await, Err(ExchangeError::Sealed(_))));
        assert_eq!(one.records.meta(NAME).await.unwrap().unwrap(), sealed);
    }
}
