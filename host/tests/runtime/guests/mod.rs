//! One provider in several languages, and the same calls of each: what the contract promises must not depend on who wrote the other side.
//!
//! All are *Tidemark*, the invented service of `examples/drop-in-javascript` and `examples/drop-in-python`, with every ability that the contract knows. One
//! was compiled when the contract was frozen (`tests/fixtures`): what its calls need is what the host owes to whoever compiled a provider then.

mod account;
mod connect;
mod frozen;
mod language;
mod limits;
mod mint;
mod tidemark;

use language::Language;

/// Each call as a test of its own, in each language.
macro_rules! in_each_language {
    ($($language:ident: [$($call:path as $name:ident,)*])*) => {$(
        mod $language {
            $(
                #[tokio::test]
                async fn $name() {
                    $call(super::Language::$language).await;
                }
            )*
        }
    )*};
}

macro_rules! the_same_calls {
    ($($language:ident)*) => { in_each_language! { $($language: [
        super::mint::it_describes_itself_as_the_manifest_does as describes_itself_as_the_manifest_does,
        super::mint::a_key_is_exchanged_for_a_token as exchanges_a_key_for_a_token,
        super::mint::what_cannot_be_narrowed_is_refused as refuses_to_narrow,
        super::mint::refusals_come_with_their_code_and_their_retry as tells_refusals_apart,
        super::mint::what_the_host_refuses_passes_through as passes_on_what_the_host_refuses,
        super::mint::a_new_secret_is_stored_before_send_returns as rotates_durably,
        super::mint::a_token_that_is_still_good_is_returned as spends_nothing_while_a_token_is_good,
        super::mint::a_failure_after_the_rotation_loses_nothing as loses_no_grant,
        super::account::it_tells_who_it_is as tells_who_it_is,
        super::account::it_ends_a_grant as ends_a_grant,
        super::account::it_says_what_is_left_to_do as says_what_is_left_to_do,
        super::connect::a_person_is_sent_to_the_approved_page as sends_a_person_to_the_approved_page,
        super::connect::a_consent_buys_accounts_and_secrets as buys_accounts_and_secrets,
        super::connect::an_exception_is_a_fault_without_secrets as fails_without_secrets,
        super::limits::the_usual_limits_suffice as needs_no_more_than_the_usual,
        super::limits::too_little_memory_is_named as is_told_of_too_little_memory,
    ])* } };
}

the_same_calls! { javascript python frozen_0_1_0 }
