//! What an upstream answered, of any status: a refusal is an answer too, and so is a redirect, which nobody follows.

use super::budget;
use super::error::EgressError;
use http::HeaderMap;
use zeroize::Zeroizing;

/// An answer within its bounds. No `Debug`: it may hold tokens.
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// 100 to 999, as sent.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header; several of one name are joined with a comma and a space. Values that are not ASCII text are left out.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body as sent.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, owned; wiped when dropped.
    #[must_use]
    pub fn into_body(self) -> Zeroizing<Vec<u8>> {
        self.body
    }
}

/// Takes in an answer, stopping at the first byte too many.
pub(super) async fn read(host: &str, mut response: reqwest::Response) -> Result<Answer, EgressError> {
    let too_large = |part, limit_bytes| EgressError::TooLarge {
        host: host.to_owned(),
        part,
        limit_bytes,
    };
    let protocol = |why| EgressError::Protocol {
        host: host.to_owned(),
        why,
    };
    let mut headers = std::mem::take(response.headers_mut());
    // 4: the colon, the space and the line's end.
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > budget::ANSWER_HEADER_BYTES {
        return Err(too_large("headers", budget::ANSWER_HEADER_BYTES));
    }
    for value in headers.values_mut() {
        value.set_sensitive(true);
    }
    if headers
        .get_all(http::header::CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(protocol("it is compressed, although that was not asked for"));
    }
    let limit = u64::try_from(budget::ANSWER_BODY_BYTES).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large("body", budget::ANSWER_BODY_BYTES));
    }
    // Collected first, joined once: a growing buffer would leave copies of tokens behind in freed memory.
    let (mut chunks, mut total) = (Vec::new(), 0);
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|_| protocol("the connection ended before the answer did"))?
    {
        total += chunk.len();
        if total > budget::ANSWER_BODY_BYTES {
            return Err(too_large("body", budget::ANSWER_BODY_BYTES));
        }
        chunks.push(chunk);
    }
    let mut body = Zeroizing::new(Vec::with_capacity(total));
    chunks.iter().for_each(|chunk| body.extend_from_slice(chunk));
    Ok(Answer {
        status: response.status().as_u16(),
        headers,
        body,
    })
}
