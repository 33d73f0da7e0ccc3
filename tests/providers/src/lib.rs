//! The cryptography providers of `iacp-core` against published vectors, and against each other: a provider is correct if
//! it passes these tests, and interchangeable if it gives the same verdict as the others on every one of them.

/// Makes a test of each function that is generic over a provider, for one provider.
#[macro_export]
macro_rules! for_provider {
    ($module:ident, $provider:ty, $($test:ident),* $(,)?) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::$test::<$provider>();
            })*
        }
    };
}

/// Makes a test of each function that is generic over a provider, for each provider of this repository.
#[macro_export]
macro_rules! for_each_provider {
    ($($test:ident),* $(,)?) => {
        $crate::for_provider!(portable, iacp_core::crypto::Portable, $($test),*);
        $crate::for_provider!(compact, iacp_core::crypto::Compact, $($test),*);
        $crate::for_provider!(chacha_only, iacp_core::crypto::ChaChaOnly, $($test),*);
        $crate::for_provider!(salty, iacp_salty::Salty, $($test),*);
        $crate::for_provider!(aws_lc, iacp_core::crypto::AwsLc, $($test),*);
    };
}
