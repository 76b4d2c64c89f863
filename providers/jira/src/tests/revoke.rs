//! What Atlassian lets nobody end from outside says what to do instead.

use super::{SITE, TOKEN, host};
use crate::Jira;
use claviger_sdk::{Revoke, codes};

#[test]
fn each_kind_says_who_can_end_it_and_where() {
    for (kind, word) in [
        ("api-token", "https://id.atlassian.com/manage-profile/security/api-tokens"),
        ("scoped-api-token", "https://id.atlassian.com/manage-profile/security/api-tokens"),
        ("service-account-token", "Service accounts"),
        ("oauth-client", "Service accounts"),
        ("oauth", "https://id.atlassian.com/manage-profile/apps"),
    ] {
        let host = host();
        let fields = [
            ("token", TOKEN),
            ("email", "ada@example.com"),
            ("url", SITE),
            ("refresh-token", "r"),
            ("client-secret", "s"),
            ("client-id", "c"),
        ];
        let failure = Jira::revoke(host.credential(kind, &fields)).err().unwrap();
        assert_eq!(failure.code, codes::UNSUPPORTED, "{kind}");
        assert!(failure.message.contains(word), "{kind}: {}", failure.message);
        assert_eq!(host.sent(), [], "{kind}");
    }
}
