//! What went wrong, by what the person or program that called can do about it: each class has an exit code of its own.

use serde_json::Value;
use std::process::ExitCode;

/// Why a command over the API did not do what it was told.
#[derive(Debug, Clone, thiserror::Error)]
pub(in crate::cli) enum Failure {
    /// The command line asks for something that cannot be asked for. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The server or this machine refuses. Exit code 1.
    #[error("{0}")]
    Refused(String),
    /// Not there, or not for this caller. Exit code 3.
    #[error("{0}")]
    NotFound(String),
    /// No token, or one that the server does not know. Exit code 4.
    #[error("{0}")]
    NotSignedIn(String),
    /// No answer. Exit code 5.
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    /// The exit code of its class.
    pub(in crate::cli) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::NotSignedIn(_) => 4,
            Self::Unreachable(_) => 5,
        })
    }

    /// The same, with what it is about.
    pub(in crate::cli) fn about(self, what: &str) -> Self {
        let words = format!("`{what}`: {self}");
        match self {
            Self::Usage(_) => Self::Usage(words),
            Self::Refused(_) => Self::Refused(words),
            Self::NotFound(_) => Self::NotFound(words),
            Self::NotSignedIn(_) => Self::NotSignedIn(words),
            Self::Unreachable(_) => Self::Unreachable(words),
        }
    }

    /// The server's own words, its reason code and the operation id under which its operator finds the request.
    pub(super) fn answered(status: u16, body: &Value, operation: &str) -> Self {
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let reason = text("reason").or_else(|| text("error")).unwrap_or("no reason given");
        let mut words: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut beside = vec![status.to_string()];
        beside.extend(text("reason_code").map(str::to_owned));
        let operation = text("operation_id").unwrap_or(operation);
        if !operation.is_empty() {
            beside.push(format!("operation {operation}"));
        }
        if status == 401 {
            words = "the server does not know this token; sign in again with `claviger login`".to_owned();
        }
        let words = format!("{words} ({})", beside.join(", "));
        match status {
            401 => Self::NotSignedIn(words),
            404 => Self::NotFound(words),
            _ => Self::Refused(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_servers_words_and_the_operation_are_told() {
        let body = json!({ "reason": "the upstream refuses the credential", "reason_code": "needs-reconnect", "operation_id": "op1" });
        let failure = Failure::answered(502, &body, "");
        assert_eq!(
            failure.to_string(),
            "the upstream refuses the credential (502, needs-reconnect, operation op1)"
        );
        assert!(matches!(failure, Failure::Refused(_)));
        let short = Failure::answered(404, &json!({ "error": "gone\u{1b}[2J" }), "op2");
        assert_eq!(short.to_string(), "gone [2J (404, operation op2)");
        assert!(matches!(short, Failure::NotFound(_)));
        assert!(matches!(Failure::answered(401, &Value::Null, ""), Failure::NotSignedIn(_)));
    }
}
