//! The traits of a provider, and the macro that makes a component of them.

use crate::{Account, Credential, Failure, Identity, Narrowing, Token};

/// What every provider does.
pub trait Provider {
    /// The manifest, as JSON: usually `include_str!("../manifest.json")`. The same text each time; the operator approved it.
    const MANIFEST: &'static str;

    /// A token from the stored credential.
    ///
    /// # Errors
    /// What went wrong, in one of the classes that `wit/README.md` lists.
    fn mint(credential: Credential, narrowing: &Narrowing) -> Result<Token, Failure>;
}

/// The optional ability to say whom the upstream takes a credential for. The manifest lists `identify` under `abilities`.
pub trait Identify: Provider {
    /// Who it is. `current-token`, a good token, is among the fields.
    ///
    /// # Errors
    /// What went wrong, in one of the classes that `wit/README.md` lists.
    fn identify(credential: Credential) -> Result<Identity, Failure>;
}

/// The optional ability to end a credential at the upstream. The manifest lists `revoke` under `abilities`.
pub trait Revoke: Provider {
    /// Ends the grant, if there is one, and `current-token`, if it is among the fields. Answers what a person still has to do. What the
    /// upstream no longer knows has ended.
    ///
    /// # Errors
    /// What went wrong, in one of the classes that `wit/README.md` lists; `unsupported` with what to do instead.
    fn revoke(credential: Credential) -> Result<Option<String>, Failure>;
}

/// The optional ability to let a person connect an account in a browser. The manifest lists `connect` under `abilities`.
pub trait Connect: Provider {
    /// Where to send the person; the host adds `state`, `redirect_uri` and the code challenge.
    ///
    /// # Errors
    /// What went wrong, in one of the classes that `wit/README.md` lists.
    fn authorise(credential: Credential) -> Result<String, Failure>;

    /// Buys the first tokens with `code` (and `code-verifier`), and says which accounts they are for.
    ///
    /// # Errors
    /// What went wrong, in one of the classes that `wit/README.md` lists.
    fn exchange(credential: Credential) -> Result<Vec<Account>, Failure>;
}

/// Makes a component of a type that implements [`Provider`]: `export_provider!(GitHub)`, or, with the optional abilities that it
/// implements, `export_provider!(GitHub, identify, revoke, connect)`. Outside `wasm32` it expands to nothing, so a crate can be linked
/// natively.
#[macro_export]
macro_rules! export_provider {
    ($provider:ty $(, $ability:ident)* $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;
            impl $crate::guest::ProviderGuest for Component {
                fn describe() -> ::std::string::String {
                    <$provider as $crate::Provider>::MANIFEST.to_owned()
                }
                fn mint(
                    credential: $crate::guest::WireCredential,
                    request: ::std::vec::Vec<(::std::string::String, ::std::string::String)>,
                ) -> ::std::result::Result<$crate::guest::WireToken, $crate::guest::WireFailure> {
                    $crate::guest::mint::<$provider>(credential, request)
                }
            }
            $crate::guest::base::export_base!(Component with_types_in $crate::guest::base);
        };
        $($crate::export_ability!($provider, $ability);)*
    };
}

/// One optional interface of a component; [`export_provider!`] calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! export_ability {
    ($provider:ty, identify) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;
            impl $crate::guest::IdentifyGuest for Component {
                fn identify(
                    credential: $crate::guest::WireCredential,
                ) -> ::std::result::Result<::std::vec::Vec<(::std::string::String, ::std::string::String)>, $crate::guest::WireFailure>
                {
                    $crate::guest::identify::<$provider>(credential)
                }
            }
    $crate::guest::identifying::export_identifying!(Component with_types_in $crate::guest::identifying);
        };
    };
    ($provider:ty, revoke) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;
            impl $crate::guest::RevokeGuest for Component {
                fn revoke(
                    credential: $crate::guest::WireCredential,
                ) -> ::std::result::Result<::std::option::Option<::std::string::String>, $crate::guest::WireFailure> {
                    $crate::guest::revoke::<$provider>(credential)
                }
            }
    $crate::guest::revoking::export_revoking!(Component with_types_in $crate::guest::revoking);
        };
    };
    ($provider:ty, connect) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;
            impl $crate::guest::ConnectGuest for Component {
                fn authorise(
                    credential: $crate::guest::WireCredential,
                ) -> ::std::result::Result<::std::string::String, $crate::guest::WireFailure> {
                    $crate::guest::authorise::<$provider>(credential)
                }
                fn exchange(
                    credential: $crate::guest::WireCredential,
                ) -> ::std::result::Result<::std::vec::Vec<$crate::guest::WireAccount>, $crate::guest::WireFailure> {
                    $crate::guest::exchange::<$provider>(credential)
                }
            }
    $crate::guest::connecting::export_connecting!(Component with_types_in $crate::guest::connecting);
        };
    };
}
