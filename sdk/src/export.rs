//! The two traits of a provider, and the macro that makes a component of them.

use crate::{Credential, Failure, Narrowing, Secret, Token};

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

/// The optional ability to end a token at the upstream. The manifest lists `revoke` under `abilities`.
pub trait Revoke: Provider {
    /// Ends `token`.
    ///
    /// # Errors
    /// What went wrong, in one of the classes that `wit/README.md` lists.
    fn revoke(credential: Credential, token: Secret) -> Result<(), Failure>;
}

/// Makes a component of a type that implements [`Provider`]: `export_provider!(GitHub)`, or `export_provider!(GitHub, revoke)`
/// for one that implements [`Revoke`] as well. Outside `wasm32` it expands to nothing, so a crate can be linked natively.
#[macro_export]
macro_rules! export_provider {
    ($provider:ty) => {
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
    };
    ($provider:ty, revoke) => {
        $crate::export_provider!($provider);
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;
            impl $crate::guest::RevokeGuest for Component {
                fn revoke(
                    credential: $crate::guest::WireCredential,
                    token: $crate::guest::WireSecret,
                ) -> ::std::result::Result<(), $crate::guest::WireFailure> {
                    $crate::guest::revoke::<$provider>(credential, token)
                }
            }
    $crate::guest::revoking::export_revoking!(Component with_types_in $crate::guest::revoking);
        };
    };
}
