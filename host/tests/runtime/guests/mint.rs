//! `describe` and `mint`: exchanging, refusing, rotating.

use super::Language;
use super::tidemark::{
    CLIENT_SECRET, CURRENT, HOME, KEY, NEXT, REFRESH, TOKEN, account, context, done, fault, form, good_answer, header, mint, station, well,
    with_current,
};
use crate::fixture::{Fake, Journal, NOW, Script, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger::runtime::{Cause, MintInput, Refusal, RetryAdvice};
use std::sync::Arc;

pub async fn it_describes_itself_as_the_manifest_does(language: Language) {
    let provider = language.provider().await;
    assert_eq!(**provider.manifest(), language.manifest());
    assert!(provider.can_identify() && provider.can_revoke());
}

pub async fn a_key_is_exchanged_for_a_token(language: Language) {
    let upstream = well();
    let minted = done(mint(language.provider().await, station(), &upstream, None).await);
    assert_eq!((minted.token.expose(), minted.expires_at_ms), (TOKEN, Some(NOW + 3_600_000)));
    assert_eq!(minted.fields.into_iter().collect::<Vec<_>>(), [("url".to_owned(), HOME.to_owned())]);
    let [sent] = upstream.sent().try_into().unwrap();
    let basic = format!("Basic {}", STANDARD.encode(format!("pier-7:{KEY}")));
    assert_eq!(header(&sent, "authorization"), Some(basic.as_str()));
}

pub async fn what_cannot_be_narrowed_is_refused(language: Language) {
    let input = MintInput {
        credential: station(),
        narrowing: vec![("scope".to_owned(), "tides:read".to_owned())],
    };
    let fault = fault(language.provider().await.mint(input, context(&Fake::silent())).await);
    assert_eq!(fault.cause.code(), "unsupported");
}

pub async fn refusals_come_with_their_code_and_their_retry(language: Language) {
    let refusals = [
        (429, vec![("retry-after", "7")], "", "rate-limited", RetryAdvice::Later(Some(7000))),
        (503, vec![], "<h1>sorry</h1>", "transient", RetryAdvice::Later(None)),
        (401, vec![], r#"{"error":"invalid_client"}"#, "misconfigured", RetryAdvice::Never),
        (
            400,
            vec![],
            r#"{"error":"invalid_grant"}"#,
            "reauth-required",
            RetryAdvice::Reauthorise,
        ),
        (418, vec![], "{}", "upstream-protocol", RetryAdvice::Later(None)),
    ];
    for (status, headers, body, code, retry) in refusals {
        let answer = move |_: &_| {
            let headers = headers
                .iter()
                .map(|(name, value): &(&'static str, &str)| (*name, (*value).to_owned()));
            Script::Answer(status, headers.collect(), body.to_owned())
        };
        let (upstream, journal) = (Fake::new(answer), Arc::new(Journal::default()));
        let fault = fault(mint(language.provider().await, account(), &upstream, Some(&journal)).await);
        let Cause::Failure(failure) = &fault.cause else {
            panic!("{status}: {fault}")
        };
        assert_eq!((failure.code.as_str(), failure.retry), (code, retry), "{status} {body}");
        assert!(
            failure.details.contains(&("upstream-status".to_owned(), status.to_string())),
            "{failure:?}"
        );
        assert_eq!(journal.lines(), ["intend".to_owned(), format!("refused {status}")]);
    }
}

/// A guest that does not catch what the host told it passes it on as it is, in every field.
pub async fn what_the_host_refuses_passes_through(language: Language) {
    let upstream = Fake::new(|_| {
        Script::Refuse(Refusal {
            code: "timeout",
            message: "Tidemark took too long".to_owned(),
            may_have_acted: true,
        })
    });
    let fault = fault(mint(language.provider().await, station(), &upstream, None).await);
    let Cause::Failure(failure) = &fault.cause else { panic!("{fault}") };
    assert_eq!((failure.code.as_str(), failure.retry), ("timeout", RetryAdvice::Later(None)));
    assert_eq!(failure.message, "Tidemark took too long");
    assert!(fault.upstream_may_have_acted, "{fault:?}");
}

pub async fn a_new_secret_is_stored_before_send_returns(language: Language) {
    let (upstream, journal) = (well(), Arc::new(Journal::default()));
    let minted = done(mint(language.provider().await, account(), &upstream, Some(&journal)).await);
    let ends = NOW + 3_600_000;
    assert_eq!((minted.token.expose(), minted.expires_at_ms), (TOKEN, Some(ends)));
    assert_eq!(minted.fields["harbour"], "Whitby");
    let stored = format!("rotated refresh-token={NEXT} token={TOKEN} expires={:?}", Some(ends));
    assert_eq!(journal.lines(), ["intend".to_owned(), stored]);
    let [sent] = upstream.sent().try_into().unwrap();
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", REFRESH),
        ("client_id", "harbour office"),
        ("client_secret", CLIENT_SECRET),
    ];
    assert_eq!(form(&sent), pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));

    // `send` waits for the disk: what could not be stored, the guest never sees.
    let full = Arc::new(Journal {
        refuse_storing: true,
        ..Journal::default()
    });
    let fault = fault(mint(language.provider().await, account(), &well(), Some(&full)).await);
    assert_eq!(fault.cause.code(), "storage");
}

/// A lost cache costs no refresh token.
pub async fn a_token_that_is_still_good_is_returned(language: Language) {
    let minted = mint(language.provider().await, with_current(account()), &Fake::silent(), None).await;
    assert_eq!(done(minted).token.expose(), CURRENT);
}

pub async fn a_failure_after_the_rotation_loses_nothing(language: Language) {
    let upstream = Fake::new(|sent| match good_answer(sent) {
        Script::Answer(200, headers, _) => Script::Answer(200, headers, format!(r#"{{"refresh_token":"{NEXT}"}}"#)),
        _ => json(500, ""),
    });
    let journal = Arc::new(Journal::default());
    let fault = fault(mint(language.provider().await, account(), &upstream, Some(&journal)).await);
    assert_eq!(fault.cause.code(), "upstream-protocol");
    let stored = format!("rotated refresh-token={NEXT} token=none expires=None");
    assert_eq!(journal.lines(), ["intend".to_owned(), stored]);
}
