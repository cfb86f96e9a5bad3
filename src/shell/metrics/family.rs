//! A family of metrics: its description in both languages, and how it is made from that alone.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts,
};

use crate::vocabulary::Text;

/// What a family is called, what it counts and by which labels.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name, with its unit last (`_seconds`), counters with `_total` after it.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`, as `# TYPE` says.
    pub kind: &'static str,
    /// The labels, each explained in [`super::LABELS`].
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram, in the unit of its name.
    pub buckets: &'static [f64],
    /// What it counts.
    pub meaning: Text,
}

/// A collector that its description makes.
pub(in crate::shell) trait Described: Collector + Clone + Sized + 'static {
    /// As `# TYPE` says.
    const KIND: &'static str;

    /// The collector, at zero.
    ///
    /// # Errors
    /// The description is no valid one.
    fn describe(family: &Family) -> prometheus::Result<Self>;
}

/// Implements [`Described`] for collectors without and with labels.
macro_rules! described {
    ($($kind:literal $one:ty, $many:ty, $options:ident;)*) => {$(
        impl Described for $one {
            const KIND: &'static str = $kind;

            fn describe(family: &Family) -> prometheus::Result<Self> {
                Self::with_opts($options(family))
            }
        }

        impl Described for $many {
            const KIND: &'static str = $kind;

            fn describe(family: &Family) -> prometheus::Result<Self> {
                Self::new($options(family), family.labels)
            }
        }
    )*};
}

described! {
    "counter" IntCounter, IntCounterVec, plain;
    "gauge" IntGauge, IntGaugeVec, plain;
    "gauge" Gauge, GaugeVec, plain;
    "histogram" Histogram, HistogramVec, bucketed;
}

fn plain(family: &Family) -> Opts {
    Opts::new(family.name, family.meaning.en)
}

fn bucketed(family: &Family) -> HistogramOpts {
    HistogramOpts::from(plain(family)).buckets(family.buckets.to_vec())
}

/// Declares a struct of metrics. Each needs its name, labels and meaning in both languages; the
/// struct, its registration and its description come from that one place.
macro_rules! metrics {
    ($(#[$doc:meta])* $name:ident {$(
        $field:ident: $collector:ident $id:literal [$($label:literal),*] $(in $buckets:ident)?
            [$ja:literal, $en:literal]
    )*}) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            registry: prometheus::Registry,
            $(#[doc = $en] pub $field: prometheus::$collector,)*
        }

        impl $name {
            /// Every family, as described.
            pub const FAMILIES: &'static [$crate::shell::metrics::Family] = &[$(
                $crate::shell::metrics::Family {
                    name: $id,
                    kind: <prometheus::$collector as $crate::shell::metrics::Described>::KIND,
                    labels: &[$($label),*],
                    buckets: [$(&$buckets as &'static [f64],)? &[]][0],
                    meaning: $crate::vocabulary::Text { ja: $ja, en: $en },
                },
            )*];

            /// A registry of its own with every metric at zero.
            ///
            /// # Errors
            /// Never in practice: names are fixed and unique, which a test shows.
            pub fn new() -> Result<Self, $crate::shell::Failure> {
                let mut families = Self::FAMILIES.iter();
                Self::register(&mut families).map_err(|cause| {
                    $crate::shell::Failure::new($crate::shell::FailureKind::MachineRefused)
                        .fact("cause", format!("metrics: {cause}"))
                })
            }

            fn register(
                families: &mut std::slice::Iter<'_, $crate::shell::metrics::Family>,
            ) -> prometheus::Result<Self> {
                let registry = prometheus::Registry::new();
                // In the order of declaration, as the descriptions are.
                Ok(Self { $($field: $crate::shell::metrics::next(&registry, families)?,)* registry })
            }

            /// Everything in the text exposition format.
            #[must_use]
            pub fn render(&self) -> Vec<u8> {
                use prometheus::Encoder as _;
                let mut text = Vec::new();
                // OK because a Vec takes every write and our families are never empty.
                let _ = prometheus::TextEncoder::new().encode(&self.registry.gather(), &mut text);
                text
            }
        }
    };
}
pub(in crate::shell) use metrics;

/// Makes and registers the collector of the next description.
pub(in crate::shell) fn next<T: Described>(
    registry: &prometheus::Registry,
    families: &mut std::slice::Iter<'_, Family>,
) -> prometheus::Result<T> {
    let absent = || prometheus::Error::Msg("a field without description".to_owned());
    let collector = T::describe(families.next().ok_or_else(absent)?)?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
