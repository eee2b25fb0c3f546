//! A writer of small gray pictures in PNG (ISO/IEC 15948), without compression, as data URIs for pages.

/// Returns a picture as a `data:` URI: pixels from 0, black, to 255, row by row.
///
/// # Panics
/// If the pixels are not as many as there are places.
pub(super) fn data_uri(width: usize, height: usize, pixels: &[u8]) -> String {
    assert_eq!(pixels.len(), width * height, "the pixels of a picture");
    format!("data:image/png;base64,{}", base64(&png(width, height, pixels)))
}

fn png(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    // Eight bits of gray; the usual compression, filters and order.
    header.extend([8, 0, 0, 0, 0]);
    // Every row begins with its filter: none.
    let rows: Vec<u8> = pixels.chunks(width.max(1)).flat_map(|row| [&[0], row].concat()).collect();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", stored(&rows)), (b"IEND", Vec::new())] {
        file.extend((content.len() as u32).to_be_bytes());
        let chunk = [&kind[..], &content].concat();
        file.extend(&chunk);
        file.extend(checksum(&chunk).to_be_bytes());
    }
    file
}

/// Returns bytes in the zlib format (RFC 1950), in blocks that are stored as they are (RFC 1951).
fn stored(bytes: &[u8]) -> Vec<u8> {
    const MOST: usize = 0xFFFF;
    let mut stream = vec![0x78, 0x01];
    let blocks = bytes.chunks(MOST).count();
    for (index, block) in bytes.chunks(MOST).enumerate() {
        stream.push(u8::from(index + 1 == blocks));
        let length = block.len() as u16;
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in bytes {
        a = (a + u32::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

/// Returns the cyclic redundancy check of a chunk.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let all = (0..3).fold(0u32, |all, i| all << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for digit in 0..4 {
            text.push(if digit <= group.len() { DIGITS[(all >> (18 - 6 * digit) & 63) as usize].into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        // RFC 4648, section 10.
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        cases.into_iter().for_each(|(bytes, text)| assert_eq!(base64(bytes.as_bytes()), text));
    }

    #[test]
    fn checksums_of_the_standards() {
        assert_eq!(checksum(b"IEND"), 0xAE42_6082, "the last chunk of every PNG");
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
        assert_eq!(stored(b"Wikipedia")[14 + 2..], 0x11E6_0398u32.to_be_bytes());
    }
}
