//! An input as text: which call, of which credential, and what the upstream answers, one after another.
//!
//! ```text
//! mint installation
//! at 1786960800000
//! > 201
//! date: Mon, 17 Aug 2026 10:00:00 GMT
//!
//! {"token":"ghs_1","expires_at":"2026-08-17T11:00:00Z"}
//! ```
//!
//! Any bytes read as some scenario, so that no input is wasted; a person can write one and read one that broke something.

use std::fmt;

/// 2026-08-17T10:00:00Z, unless a scenario says otherwise.
pub const NOW_MS: u64 = 1_786_960_800_000;
/// The clock is the host's own, so it is never beyond the calendar: the end of the year 9999.
const LATEST_MS: u64 = 253_402_300_799_999;
/// Answers beyond these are not looked at: no call asks so often.
const MOST_ANSWERS: usize = 6;
const MOST_HEADERS: usize = 12;

/// A call and its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The first line: what is done, with what.
    pub head: String,
    /// The host's clock.
    pub now_ms: u64,
    /// What the upstream answers, in order.
    pub answers: Vec<Answer>,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// 100 to 599.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: String,
}

impl Answer {
    /// Whether the status says that it worked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, if it is.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.body).ok()
    }
}

impl Scenario {
    /// Reads an input. What is not UTF-8 is replaced.
    #[must_use]
    pub fn read(data: &[u8]) -> Self {
        let text = String::from_utf8_lossy(data);
        let mut lines = text.split('\n');
        let mut scenario = Self {
            head: lines.next().unwrap_or_default().trim().to_owned(),
            now_ms: NOW_MS,
            answers: Vec::new(),
        };
        let mut in_body = false;
        for line in lines {
            if let Some(status) = line.strip_prefix("> ") {
                if scenario.answers.len() == MOST_ANSWERS {
                    break;
                }
                scenario.answers.push(Answer {
                    status: status.trim().parse().ok().filter(|code| (100..600).contains(code)).unwrap_or(200),
                    ..Answer::default()
                });
                in_body = false;
                continue;
            }
            let Some(answer) = scenario.answers.last_mut() else {
                if let Some(at) = line.strip_prefix("at ") {
                    scenario.now_ms = at.trim().parse().unwrap_or(NOW_MS).min(LATEST_MS);
                }
                continue;
            };
            if in_body {
                answer.body.push_str(line);
                answer.body.push('\n');
            } else if line.trim().is_empty() {
                in_body = true;
            } else if let Some((name, value)) = line.split_once(':').filter(|_| answer.headers.len() < MOST_HEADERS) {
                answer.headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        for answer in &mut scenario.answers {
            answer.body.truncate(answer.body.trim_end_matches('\n').len());
        }
        scenario
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)?;
        if self.now_ms != NOW_MS {
            write!(f, "\nat {}", self.now_ms)?;
        }
        for answer in &self.answers {
            write!(f, "\n> {}", answer.status)?;
            for (name, value) in &answer.headers {
                write!(f, "\n{name}: {value}")?;
            }
            write!(f, "\n\n{}", answer.body)?;
        }
        Ok(())
    }
}
