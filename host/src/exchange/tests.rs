//! The rules of the exchange, with the clock in hand.

use super::*;
use crate::ids::{ProjectId, Username};
use crate::records::model::{Phase, Trigger};

/// A running session.
pub(super) fn session(project: &str, id: &str) -> Session {
    Session {
        id: SessionId::parse(id).unwrap(),
        project_id: ProjectId::parse(project).unwrap(),
        agent_id: None,
        name: "talk".to_owned(),
        created_by: Username::parse("alice").unwrap(),
        trigger: Trigger::Person,
        phase: Phase::Running,
        workload: None,
        starts: 1,
        attended: false,
        joined: false,
        created_at_ms: 5,
        updated_at_ms: 7,
    }
}

#[test]
fn the_header_is_read_to_the_letter() {
    let text = STANDARD.encode([7; CIPHERTEXT_BYTES]);
    let read = |header: &str| ciphertext_of(Some(header.as_bytes()));
    assert_eq!(read(&format!("Bearer {text}")), Some(vec![7; CIPHERTEXT_BYTES]));
    assert_eq!(ciphertext_of(None), None);
    let unpadded = text.trim_end_matches('=');
    assert_ne!(unpadded, text);
    for wrong in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("bearer {text}"),
        format!("BEARER {text}"),
        format!("Basic {text}"),
        format!("Bearer  {text}"),
        format!("Bearer {text} "),
        format!("Bearer {unpadded}"),
        format!("Bearer {}", STANDARD.encode([7; CIPHERTEXT_BYTES - 1])),
        format!("Bearer {}", STANDARD.encode([7; CIPHERTEXT_BYTES + 1])),
        format!("Bearer {}", "_".repeat(684)),
    ] {
        assert_eq!(read(&wrong), None, "{wrong}");
    }
}

#[test]
fn an_id_is_eight_bytes_and_no_space() {
    let read = |plain: &[u8]| session_id(plain.to_vec());
    assert_eq!(read(b"talk-0001").unwrap().as_str(), "talk-0001");
    for wrong in [
        &b""[..],
        b"talk",
        b"talk 0001",
        b"talk-0001\n",
        b"talk\t0001",
        b"\rtalk-0001",
        b"talk-\xff001",
        b"talk-0001\0",
    ] {
        assert_eq!(read(wrong), None, "{wrong:?}");
    }
}
