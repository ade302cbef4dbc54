//! Countries of addresses, from a file in MaxMind's format.

use domain::ports::effects::Geography;
use maxminddb::{Reader, geoip2};
use std::net::IpAddr;
use std::path::Path;

/// A file of countries or cities, held in memory.
pub struct GeoFile {
    reader: Reader<Vec<u8>>,
}

/// The file is no database of addresses.
#[derive(Debug, thiserror::Error)]
#[error("the GeoIP file {path} cannot be read: {reason}")]
pub struct BadGeoFile {
    path: String,
    reason: String,
}

impl GeoFile {
    /// Reads a file, once.
    pub fn open(path: &Path) -> Result<GeoFile, BadGeoFile> {
        match Reader::open_readfile(path) {
            Ok(reader) => Ok(GeoFile { reader }),
            Err(error) => Err(BadGeoFile { path: path.display().to_string(), reason: error.to_string() }),
        }
    }
}

impl Geography for GeoFile {
    fn country(&self, address: IpAddr) -> Option<String> {
        let found = self.reader.lookup(address.to_canonical()).ok()?;
        let record = found.decode::<geoip2::Country<'_>>().ok()??;
        record.country.iso_code.map(str::to_owned)
    }
}

/// Knows no address: no file is configured.
#[derive(Clone, Copy, Debug)]
pub struct NoGeography;

impl Geography for NoGeography {
    fn country(&self, _: IpAddr) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in MaxMind's format, written by hand: what begins with a 0 bit is in Germany, the rest nowhere.
    fn file() -> Vec<u8> {
        let text = |text: &str| [&[0x40 | text.len() as u8], text.as_bytes()].concat();
        let small = |name: &str, value: u8| [text(name), vec![0xa1, value]].concat();
        // One node: its left record points to the data behind it and 16 bytes of nothing, its right one to no data.
        let tree = vec![0, 0, 17, 0, 0, 1];
        let data = [vec![0xe1], text("country"), vec![0xe1], text("iso_code"), text("DE")].concat();
        let metadata = [
            b"\xab\xcd\xefMaxMind.com\xe9".to_vec(),
            text("node_count"),
            vec![0xc1, 1],
            small("record_size", 24),
            small("ip_version", 4),
            text("database_type"),
            text("Test-Country"),
            text("languages"),
            vec![0, 4],
            small("binary_format_major_version", 2),
            small("binary_format_minor_version", 0),
            text("build_epoch"),
            vec![1, 2, 1],
            text("description"),
            vec![0xe0],
        ];
        [tree, vec![0; 16], data, metadata.concat()].concat()
    }

    #[test]
    fn addresses_are_looked_up_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("countries.mmdb");
        std::fs::write(&path, file()).unwrap();
        let countries = GeoFile::open(&path).unwrap();
        for (address, country) in
            [("9.9.9.9", Some("DE")), ("::ffff:9.9.9.9", Some("DE")), ("203.0.113.7", None), ("2001:db8::1", None)]
        {
            assert_eq!(countries.country(address.parse().unwrap()).as_deref(), country, "{address}");
        }
    }

    #[test]
    fn what_is_no_such_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "nothing of the kind").unwrap();
        for path in [path, folder.path().join("missing.mmdb")] {
            let words = GeoFile::open(&path).err().unwrap().to_string();
            assert!(words.contains(path.to_str().unwrap()), "{words}");
        }
    }
}
