//! Lines for the operator: counted, cut, and without the secrets of the call.

use crate::runtime::bind::base::claviger::provider::log;
use crate::runtime::fault::{Cause, IncidentKind};
use crate::runtime::limits::LOG_LINE_BYTES;
use crate::runtime::state::{CallState, stop};
use crate::telemetry::redact;

impl log::Host for CallState {
    fn write(&mut self, level: String, message: String) -> wasmtime::Result<()> {
        self.count()?;
        self.used.log_lines += 1;
        self.used.log_bytes = self.used.log_bytes.saturating_add(message.len());
        if self.used.log_lines > self.limits.log_lines || self.used.log_bytes > self.limits.log_bytes {
            return Err(stop(Cause::LogFlood {
                lines: self.limits.log_lines,
                bytes: self.limits.log_bytes,
            }));
        }
        self.emit(&level, &message);
        Ok(())
    }
}

impl CallState {
    /// The text without the secrets of this call, and without what has the form of any other.
    fn clean(&mut self, text: &str) -> String {
        let clean = self.finder().redact(text);
        if clean != text {
            self.record.incident(IncidentKind::EchoedSecret, "a log line held a secret");
        }
        redact(&clean).into_owned()
    }

    fn emit(&mut self, level: &str, message: &str) {
        // Searched before it is cut: a cut through a secret would leave a piece that is not found.
        let line = printable(&self.clean(message));
        let provider = self.provider.as_str();
        match level {
            "error" => tracing::error!(provider.name = provider, "{line}"),
            "warn" => tracing::warn!(provider.name = provider, "{line}"),
            "info" => tracing::info!(provider.name = provider, "{line}"),
            _ => tracing::debug!(provider.name = provider, "{line}"),
        }
        self.record.said(line);
    }
}

/// What a component of another toolchain wrote to standard error, as lines of the log.
pub fn write_lines(state: &mut CallState) {
    let written = state.stderr.contents();
    // Whole: a key has many lines, and one of them alone looks like nothing.
    let text = state.clean(&String::from_utf8_lossy(&written));
    for line in text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(usize::try_from(state.limits.log_lines).unwrap_or(0))
    {
        state.emit("error", line);
    }
}

/// One line of at most [`LOG_LINE_BYTES`], without control characters: nobody forges a second line.
fn printable(text: &str) -> String {
    let mut line = String::new();
    for c in text.trim_end().chars() {
        if line.len() >= LOG_LINE_BYTES {
            line.push('…');
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}
