//! Both cryptography providers of `iacp-core` against published vectors, and against each other: a provider is correct
//! if it passes these tests, and interchangeable if it gives the same verdict as the other on every one of them.

/// Makes a test for each provider of functions that are generic over it.
#[macro_export]
macro_rules! for_each_provider {
    ($($test:ident),* $(,)?) => {
        mod portable {
            $(#[test]
            fn $test() {
                super::$test::<iacp_core::crypto::Portable>();
            })*
        }
        mod aws_lc {
            $(#[test]
            fn $test() {
                super::$test::<iacp_core::crypto::AwsLc>();
            })*
        }
    };
}
