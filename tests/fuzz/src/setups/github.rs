//! github.com, `*.ghe.com`, Enterprise Server.

use crate::setup::{Call, Setup};
use Call::{Exchange, Identify, Mint, Revoke};

const ENDS: (&str, &str) = ("current-token-expires-at-ms", "1786964400000");
const CURRENT: (&str, &str) = ("current-token", "ghs_CaNaRy_current");

/// All of them.
pub const SETUPS: &[Setup] = &[
    Setup {
        name: "installation",
        kind: "app-installation",
        fields: &[("app-id", "123456"), ("private-key", "PEM CaNaRy"), ("installation-id", "42")],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "narrowed",
        kind: "app-installation",
        fields: &[("app-id", "123456"), ("private-key", "PEM CaNaRy"), ("installation-id", "42")],
        narrowing: &[("repository", "hello-world"), ("permission", "contents:read")],
        calls: &[Mint],
    },
    Setup {
        name: "owner",
        kind: "app-installation",
        fields: &[("app-id", "Iv23abc"), ("private-key", "PEM CaNaRy"), ("owner", "octo-org")],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "repository",
        kind: "app-installation",
        fields: &[
            ("app-id", "123456"),
            ("private-key", "PEM CaNaRy"),
            ("owner", "octo-org/hello-world"),
            ("url", "https://git.example.com"),
        ],
        narrowing: &[],
        calls: &[Mint],
    },
    Setup {
        name: "bot",
        kind: "app-installation",
        fields: &[
            ("app-id", "123456"),
            ("private-key", "PEM CaNaRy"),
            ("installation-id", "42"),
            CURRENT,
            ENDS,
        ],
        narrowing: &[],
        calls: &[Identify, Revoke],
    },
    Setup {
        name: "pat",
        kind: "personal-access-token",
        fields: &[("token", "ghp_CaNaRy"), ("current-token", "ghp_CaNaRy")],
        narrowing: &[],
        calls: &[Identify, Revoke],
    },
    Setup {
        name: "server-pat",
        kind: "personal-access-token",
        fields: &[
            ("token", "ghp_CaNaRy"),
            ("current-token", "ghp_CaNaRy"),
            ("url", "https://git.example.com"),
        ],
        narrowing: &[],
        calls: &[Identify, Revoke],
    },
    Setup {
        name: "app-user",
        kind: "github-app-user",
        fields: &[
            ("refresh-token", "ghr_CaNaRy"),
            ("client-id", "Iv23abc"),
            ("client-secret", "client-CaNaRy"),
            ("user-name", "Ada Lovelace"),
            ("email", "ada@example.com"),
        ],
        narrowing: &[],
        calls: &[Mint, Exchange],
    },
    Setup {
        name: "oauth-app-user",
        kind: "oauth-app-user",
        fields: &[
            ("refresh-token", "ghr_CaNaRy"),
            ("client-id", "Ov23abc"),
            ("client-secret", "client-CaNaRy"),
            ("url", "https://octo.ghe.com"),
        ],
        narrowing: &[],
        calls: &[Mint, Exchange],
    },
    Setup {
        name: "connected",
        kind: "github-app-user",
        fields: &[
            ("refresh-token", "ghr_CaNaRy"),
            ("client-id", "Iv23abc"),
            ("client-secret", "client-CaNaRy"),
            CURRENT,
            ENDS,
        ],
        narrowing: &[],
        calls: &[Identify, Revoke],
    },
    Setup {
        name: "lasting-user",
        kind: "oauth-user-token",
        fields: &[
            ("token", "gho_CaNaRy"),
            ("current-token", "gho_CaNaRy"),
            ("client-id", "Ov23abc"),
            ("client-secret", "client-CaNaRy"),
        ],
        narrowing: &[],
        calls: &[Exchange, Identify, Revoke],
    },
];
