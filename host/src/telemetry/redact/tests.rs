//! Every form that `providers.md` lists, at lengths from short to larger than any seen, in the places where tokens turn up.

use super::redact;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

/// Characters that look like nobody's words, the same each time.
fn noise(length: usize, alphabet: &[u8], seed: usize) -> String {
    let mut state = 0x9e37_79b9_u64.wrapping_add(seed as u64);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    (0..length).map(|_| char::from(alphabet[next() % alphabet.len()])).collect()
}

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64URL: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

fn jwt(length: usize) -> String {
    let part = |n| noise(n, BASE64URL, n);
    format!("eyJ{}.eyJ{}.{}", part(20), part(length / 2), part(length / 2))
}

/// Each form, with the part of it that is public.
fn forms(length: usize) -> Vec<(&'static str, String)> {
    let mut forms: Vec<(&str, String)> = Vec::new();
    for head in ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "cvk_", "cvp_", "cvs_"] {
        forms.push((head, format!("{head}{}", noise(length, BASE62, length))));
    }
    for head in [
        "github_pat_",
        "glpat-",
        "gloas-",
        "gldt-",
        "glcbt-",
        "glrt-",
        "glrtr-",
        "glptt-",
        "glagent-",
        "glwt-",
        "glft-",
        "glsoat-",
        "glnewer-",
        "ya29.",
        "1//0",
        "GOCSPX-",
    ] {
        // A digit and a capital in front, since a family that is not known yet is told by them.
        forms.push((head, format!("{head}7K{}", noise(length, BASE64URL, length))));
    }
    for head in ["ATATT", "ATSTT", "ATCTT"] {
        forms.push((head, format!("{head}3xFfGF0{}=4F2A91BC", noise(length, BASE64URL, length))));
    }
    forms.push(("ghs_", format!("ghs_123456_{}", jwt(length))));
    forms.push((
        "glpat-",
        format!("glpat-{}.01.{}", noise(length, BASE64URL, 3), noise(9, BASE62, 4)),
    ));
    forms.push(("SIE-glpat-", format!("SIE-glpat-{}", noise(length, BASE64URL, 5))));
    forms.push(("ck1.", format!("ck1.12.{}", noise(length, BASE64URL, 6))));
    forms.push(("eyJ", jwt(length)));
    forms
}

/// The longest piece of the secret that is still in the text.
fn survives(secret: &str, text: &str) -> usize {
    let (secret, text) = (secret.as_bytes(), String::from(text));
    let mut longest = 0;
    for from in 0..secret.len() {
        let mut to = from + longest + 1;
        while to <= secret.len() && text.contains(std::str::from_utf8(&secret[from..to]).unwrap()) {
            longest = to - from;
            to += 1;
        }
    }
    longest
}

fn is_gone(head: &str, token: &str, text: &str) {
    let clean = redact(text);
    let left = survives(&token[head.len()..], &clean);
    assert!(left < 12, "{left} characters of `{token}` are left of\n{text}\nin\n{clean}");
    assert_eq!(redact(&clean), clean, "a second time changes it");
}

#[test]
fn every_form_at_every_length_in_every_place() {
    for length in [36, 40, 64, 93, 255, 380, 520, 1024, 2000] {
        for (head, token) in forms(length) {
            let url: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
            let json = serde_json::json!({ "error": "x", "token": token, "more": [1, token] }).to_string();
            let again = serde_json::json!({ "body": json }).to_string();
            for text in [
                token.clone(),
                format!("before {token} after"),
                format!("[{token}],({token})'{token}'"),
                json.clone(),
                json.replace('/', "\\/"),
                again,
                format!("https://x-access-token:{token}@github.test/a/b.git?c=d"),
                format!("https://a.test/cb?code=1&t={url}&state=2"),
                format!("https://a.test/cb?next=%2Fcb%3Ft%3D{}", url.replace('%', "%25")),
                format!("PRIVATE-TOKEN: {token}\r\nhost: a"),
                format!("é{token}ü"),
            ] {
                is_gone(head, &token, &text);
            }
        }
    }
}

#[test]
fn a_line_break_inside_does_not_help() {
    for width in [20, 60, 64, 72, 76, 80] {
        for length in [40, 93, 520, 2000] {
            for (head, token) in forms(length) {
                let lines: Vec<&str> = token
                    .as_bytes()
                    .chunks(width)
                    .map(|line| std::str::from_utf8(line).unwrap())
                    .collect();
                for line_break in ["\n", "\r\n", "\n    ", "\\n", "\\r\\n", "\\\\n", "%0A", "%0D%0a"] {
                    is_gone(head, &token, &format!("sent {} and no more", lines.join(line_break)));
                }
            }
        }
    }
}

#[test]
fn a_line_break_inside_the_head_does_not_help() {
    for (head, token) in forms(64) {
        for at in 1..head.len() {
            is_gone(head, &token, &format!("x {}\n{} y", &token[..at], &token[at..]));
        }
    }
}

#[test]
fn what_follows_a_scheme_or_a_name_is_taken_out() {
    let plain = noise(44, BASE62, 9);
    let hex = "3f786850e387550fdab836ed7e6dc881de23001b".repeat(2);
    for secret in [
        plain,
        hex[..40].to_owned(),
        hex[..64].to_owned(),
        STANDARD.encode("alice:hunter2/hunter2?>"),
    ] {
        for text in [
            format!("authorization: Bearer {secret}"),
            format!("{{\"authorization\":\"Bearer {secret}\"}}"),
            format!("-H 'Authorization: Basic {secret}'"),
            format!("header=Bearer%20{}", secret.replace('=', "%3D")),
            format!("bearer {secret}, and so on"),
            format!("private-token: {secret}"),
            format!("{{\"access_token\": \"{secret}\", \"expires_in\": 7200}}"),
            format!("{{\\\"refreshToken\\\":\\\"{secret}\\\"}}"),
            format!("grant_type=refresh_token&refresh_token={secret}&client_id=abc"),
            format!("client_secret = {secret}"),
        ] {
            is_gone("", &secret, &text);
        }
    }
    let clean = redact("grant_type=refresh_token&refresh_token=aB3aB3aB3aB3&client_id=abc");
    assert_eq!(clean, "grant_type=refresh_token&refresh_token=[redacted]&client_id=abc");
}

fn pem(label: &str, length: usize) -> (String, String) {
    let body = STANDARD.encode(noise(length, BASE62, length));
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    (text, lines[lines.len() / 2].to_owned())
}

#[test]
fn private_keys_are_taken_out_whole_in_each_of_their_clothes() {
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ] {
        for length in [120, 900, 2400] {
            let (key, heart) = pem(label, length);
            let json = serde_json::json!({ "type": "service_account", "private_key": key, "client_email": "a@b.test" }).to_string();
            let form: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
            for text in [
                key.clone(),
                json.clone(),
                serde_json::json!({ "line": json }).to_string(),
                form,
                key.replace('\n', " "),
                key.replace('\n', "\r\n"),
                key.split("-----END").next().unwrap().to_owned(),
                key.replace(&format!("-----BEGIN {label}-----\n"), ""),
            ] {
                let text = format!("before {text}; after");
                let clean = redact(&text);
                let left = survives(&heart, &clean);
                assert!(left < 12, "{left} of the key are left in {clean}");
                assert!(clean.starts_with("before") && clean.ends_with("; after"), "{clean}");
            }
            let clean = redact(&json).into_owned();
            let read: serde_json::Value = serde_json::from_str(&clean).unwrap();
            assert_eq!(read["client_email"], "a@b.test", "a log line in JSON stays JSON");
        }
    }
    let (certificate, _) = pem("CERTIFICATE", 900);
    assert_eq!(redact(&certificate), certificate, "certificates are public");
}

#[test]
fn ordinary_text_ids_and_digests_stay() {
    for text in [
        "",
        "credential 2ojYVE6DTn0bSCDzEn6kHXCNTTd of 2ojYVE6DTn0bSCDzEn6kHXCNTTd, generation 7",
        "provider `github` 0.1.0 (sha256 9f86d081884c…): `rate-limited`: come again in 60 s",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b in https://github.com/o/r/tree/3f786850e387550fdab836ed7e6dc881de23001b",
        "request 0190163d-8694-739b-aea5-966c26f8ad91 answered 200 in 3 ms",
        "Bearer tokens and Basic authentication are accepted; the bearer is not known",
        "`refresh_token` is invalid; access_token: missing; password required",
        "grant_type=authorization_code&redirect_uri=https%3A%2F%2Fa.test%2Fcb",
        "tokens begin with ghp_, github_pat_, glpat-, ATATT or ya29.; ours with cvk_",
        "/api/ambient/v1/projects/atlas/credentials/2ojYVE6DTn0bSCDzEn6kHXCNTTd/token",
        "C:\\new\\temp\\glossary-of-terms global-configuration-of-everything-2",
        "100% of 50%25 and %zz, a lone \\ and \\u12",
        "the key eyJ is short; Grüße aus Köln — 日本語",
        "2026-08-17T10:00:00.000000Z  INFO claviger::broker: credential.id=\"2ojYVE6DTn0bSCDzEn6kHXCNTTd\" minted\n",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn what_stands_around_a_secret_stays() {
    let token = format!("ghs_{}", noise(400, BASE64URL, 1));
    assert_eq!(
        redact(&format!("POST https://a.test: sent {token}, got 401\n  at line 3")),
        "POST https://a.test: sent ghs_[redacted], got 401\n  at line 3"
    );
    assert_eq!(redact(&format!("sent {token}\nand waited")), "sent ghs_[redacted]\nand waited");
}

proptest! {
    #[test]
    fn no_piece_of_a_token_survives(
        at in 0usize..1000, secret in "[A-Za-z0-9_-]{40,300}", before in "[ -~]{0,30}", after in "[ \"',;&@)\n][ -~]{0,30}",
    ) {
        let heads = ["ghp_", "github_pat_", "glpat-", "ATATT3", "ya29.", "1//0", "GOCSPX-", "cvk_", "ck1.1.", "Bearer "];
        let head = heads[at % heads.len()];
        let text = format!("{before} {head}{secret}{after}");
        let clean = redact(&text);
        // What comes before may be the head of something longer: all the better.
        prop_assert!(survives(&secret, &clean) < 12, "{clean}");
    }

    #[test]
    fn neither_base64_nor_escapes_nor_cuts_confuse_it(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        for text in [String::from_utf8_lossy(&bytes).into_owned(), text, URL_SAFE_NO_PAD.encode(&bytes)] {
            let clean = redact(&text).into_owned();
            prop_assert_eq!(redact(&clean).into_owned(), clean);
        }
    }

    #[test]
    fn a_ksuid_stays(id in "[0-9A-Za-z]{27}") {
        // One id in ten million reads like a head.
        prop_assume!(!["ATATT", "ATSTT", "ATCTT"].iter().any(|head| id.contains(head)) && !id.starts_with("eyJ"));
        let line = format!("credential.id={id} of {id}");
        prop_assert_eq!(redact(&line).into_owned(), line);
    }
}
