//! The other half of the exchange: the public key as its clients are told it, and what they encrypt with it.

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// Why a text is no key to encrypt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// No PEM of that label.
    #[error("is no public key in PEM; it begins with `{BEGIN}`")]
    NoPem,
    /// PKCS#1, which the platform's clients refuse as well.
    #[error("is in PKCS#1 (`RSA PUBLIC KEY`); it has to be in PKIX (`PUBLIC KEY`), as `openssl rsa -RSAPublicKey_in -pubout` writes it")]
    Pkcs1,
    /// The half that nobody may have.
    #[error("is a private key; a runner is given the public one, and whoever saw this one can read what runners encrypt")]
    Private,
    /// PEM, and no RSA key of 2048 to 8192 bits in it.
    #[error("is in PEM, and no RSA key of 2048 to 8192 bits")]
    NoRsa,
    /// A key of n bits encrypts n/8 - 66 bytes.
    #[error("is too short for what is to be encrypted")]
    TooShort,
}

/// A key that something can be encrypted with, and nothing decrypted.
pub struct PublicKey(OaepPublicEncryptingKey);

impl PublicKey {
    /// Reads a PKIX key in PEM (`PUBLIC KEY`).
    ///
    /// # Errors
    /// [`PublicKeyError`], by what it is instead.
    pub fn parse(pem: &str) -> Result<Self, PublicKeyError> {
        let pem = pem.trim();
        let Some(body) = pem.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)) else {
            return Err(match pem {
                _ if pem.contains("PRIVATE KEY-----") => PublicKeyError::Private,
                _ if pem.starts_with("-----BEGIN RSA PUBLIC KEY-----") => PublicKeyError::Pkcs1,
                _ => PublicKeyError::NoPem,
            });
        };
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| PublicKeyError::NoPem)?;
        let key = PublicEncryptingKey::from_der(&der).map_err(|_| PublicKeyError::NoRsa)?;
        Ok(Self(OaepPublicEncryptingKey::new(key).map_err(|_| PublicKeyError::NoRsa)?))
    }

    /// RSA-OAEP with SHA-256, MGF1 with SHA-256, no label; in base64 with padding, as it stands behind `Bearer `. Another text each time.
    ///
    /// # Errors
    /// [`PublicKeyError::TooShort`].
    pub fn encrypt(&self, plain: &[u8]) -> Result<String, PublicKeyError> {
        let mut ciphertext = vec![0; self.0.ciphertext_size()];
        let written = self.0.encrypt(&OAEP_SHA256_MGF1SHA256, plain, &mut ciphertext, None);
        written.map(|bytes| STANDARD.encode(bytes)).map_err(|_| PublicKeyError::TooShort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};

    #[test]
    fn it_encrypts_for_the_private_key_alone_and_differently_each_time() {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
        let pem = format!("\n{BEGIN}\r\n{}\r\n{END}\n", STANDARD.encode(der.as_ref()));
        let key = PublicKey::parse(&pem).unwrap();
        let private = OaepPrivateDecryptingKey::new(private).unwrap();
        let decrypt = |text: &str| {
            let mut out = vec![0; private.min_output_size()];
            let ciphertext = STANDARD.decode(text).unwrap();
            private
                .decrypt(&OAEP_SHA256_MGF1SHA256, &ciphertext, &mut out, None)
                .unwrap()
                .to_vec()
        };
        let (one, two) = (key.encrypt(b"session-1").unwrap(), key.encrypt(b"session-1").unwrap());
        assert_ne!(one, two);
        assert_eq!((decrypt(&one), decrypt(&two)), (b"session-1".to_vec(), b"session-1".to_vec()));
        assert!(key.encrypt(&[0; 190]).is_ok());
        assert_eq!(key.encrypt(&[0; 191]), Err(PublicKeyError::TooShort));
    }

    #[test]
    fn case_76_a_key_in_another_form_is_refused_with_its_name() {
        let refused = |pem: &str| PublicKey::parse(pem).err().unwrap();
        for (label, why) in [
            ("RSA PUBLIC KEY", PublicKeyError::Pkcs1),
            ("RSA PRIVATE KEY", PublicKeyError::Private),
            ("PRIVATE KEY", PublicKeyError::Private),
            ("CERTIFICATE", PublicKeyError::NoPem),
            ("PUBLIC KEY", PublicKeyError::NoRsa),
        ] {
            assert_eq!(
                refused(&format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")),
                why,
                "{label}"
            );
        }
        for text in ["", "AAAA", BEGIN, "-----BEGIN PUBLIC KEY-----\n?\n-----END PUBLIC KEY-----"] {
            assert_eq!(refused(text), PublicKeyError::NoPem, "{text}");
        }
        // Ed25519 is PKIX as well, and encrypts nothing.
        let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----";
        assert_eq!(refused(ed25519), PublicKeyError::NoRsa);
    }
}
