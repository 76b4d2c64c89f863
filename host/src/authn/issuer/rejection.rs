//! Why a token is not accepted: for the operator's log. Whoever presented it is told nothing.

/// The rule that a token breaks. Never a part of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// Not three parts of base64url, or no JSON in them, or a name twice.
    #[error("it is no signed token in compact form, or says one thing twice")]
    Malformed,
    /// More bytes than any honest token has.
    #[error("it is longer than 16 KiB")]
    TooLong,
    /// Its header names what we do not understand and must (RFC 7515, 4.1.11).
    #[error("its header has `crit`")]
    Critical,
    /// A token that is no bearer: of a logout, of DPoP.
    #[error("its `typ` is not that of a bearer")]
    Type,
    /// Unknown, `none`, HMAC, or not configured for this issuer.
    #[error("its `alg` is not accepted from its issuer")]
    Algorithm,
    /// Nobody configured has this `iss`.
    #[error("its issuer is not configured")]
    Issuer,
    /// The key is not among the issuer's, and asking did not help.
    #[error("its issuer has no such key")]
    UnknownKey,
    /// There is such a key, of another type or for another algorithm.
    #[error("its `alg` is not that of its key")]
    WrongKey,
    /// Without `kid`, although several keys could be meant.
    #[error("it names no key, and its issuer has several")]
    NoKeyNamed,
    /// The signature does not fit.
    #[error("its signature is wrong")]
    Signature,
    /// It has ended.
    #[error("it has ended")]
    Expired,
    /// It does not say when it ends.
    #[error("it has no `exp`")]
    NoEnd,
    /// Its time has not come.
    #[error("its `nbf` or `iat` lies in the future, beyond the leeway")]
    NotYet,
    /// For somebody else.
    #[error("its `aud` is for somebody else")]
    Audience,
    /// No claim names anybody, or what it says is no name.
    #[error("none of the claims that name people names one")]
    Nobody,
    /// The name is a service's.
    #[error("its name is that of a service, and nobody becomes a service by name")]
    ServiceName,
    /// The name would be one of another issuer's.
    #[error("its name begins with the prefix of another issuer")]
    ForeignName,
    /// The address of mail that names the person was never verified.
    #[error("its address of mail is not verified")]
    UnverifiedMail,
    /// Not a service account's subject, or one that contradicts itself.
    #[error("it is no token of a Kubernetes service account")]
    NoServiceAccount,
    /// No running session and no service has this subject, or several have.
    #[error("its service account belongs to no running session, to several, and to no service")]
    Unassigned,
}
