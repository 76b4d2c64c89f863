//! Where log lines go: to standard error, without what looks like a secret.

use super::redact;
use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Makes writers to standard error.
pub(super) struct Redacting;

/// Writes whole lines: the subscriber formats an event in a buffer of its own and hands it over in one piece, so no secret is cut in two
/// between two writes.
pub(super) struct Lines<W>(W);

impl<'a> MakeWriter<'a> for Redacting {
    type Writer = Lines<io::StderrLock<'static>>;

    fn make_writer(&'a self) -> Self::Writer {
        Lines(io::stderr().lock())
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(redact(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(json: bool) -> String {
        let kept = Kept::default();
        let writer = {
            let kept = kept.clone();
            move || Lines(kept.clone())
        };
        let token = format!("ghs_{}", "aB3-._".repeat(80));
        let say = || tracing::info!(credential.id = "2ojYVE6DTn0bSCDzEn6kHXCNTTd", upstream = %token, "it said: {token}\nand {token}");
        if json {
            let layer = tracing_subscriber::fmt::layer().json().with_writer(writer);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        } else {
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        }
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_of_either_format_loses_the_token_and_nothing_else() {
        for json in [false, true] {
            let line = logged(json);
            assert!(!line.contains("aB3-"), "{line}");
            assert_eq!(line.matches("ghs_[redacted]").count(), 3, "{line}");
            assert!(line.contains("2ojYVE6DTn0bSCDzEn6kHXCNTTd") && line.ends_with('\n'), "{line}");
            if json {
                let read: serde_json::Value = serde_json::from_str(&line).unwrap();
                assert_eq!(read["fields"]["upstream"], "ghs_[redacted]");
            }
        }
    }
}
