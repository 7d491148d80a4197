#include "storage/s3_answers.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "base/parse.h"
#include "net/encoding.h"
#include "storage/xml_answer.h"

namespace varve::storage {

namespace {

bool is_any(const std::string& code, std::initializer_list<std::string_view> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

/// The codes that a person can do something about.
std::optional<Error> known_error(const S3Complaint& said, const std::string& what, int64_t skew) {
  const auto told = fmt::format("cannot {}: ", what);
  if (said.code == "RequestTimeTooSkewed") return clocks_differ(what, skew);
  if (said.code == "SignatureDoesNotMatch") {
    return Error(ErrorKind::kDenied, told + "the secret key is wrong").hint("AWS_SECRET_ACCESS_KEY holds it");
  }
  if (is_any(said.code, {"InvalidAccessKeyId", "UnrecognizedClientException"})) {
    return Error(ErrorKind::kDenied, told + "the server does not know the access key")
        .hint("AWS_ACCESS_KEY_ID holds it; keys of a session need AWS_SESSION_TOKEN as well");
  }
  if (is_any(said.code, {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})) {
    return Error(ErrorKind::kDenied, told + "the session that the keys are of has ended")
        .hint(
            "keys with an AWS_SESSION_TOKEN cannot be renewed from here: get new ones, and run it again. A web "
            "identity, a container's role and a machine's are renewed by themselves");
  }
  if (is_any(said.code, {"InvalidToken", "InvalidTokenId"})) {
    return Error(ErrorKind::kDenied,
                 told + "the token of the session (AWS_SESSION_TOKEN) is not valid, or not any more")
        .hint("get new keys with a token of their own, and run it again");
  }
  if (said.code == "AccessDenied" && what.starts_with("remove ") && what.find("/locks/") != std::string::npos) {
    return Error(ErrorKind::kDenied, told + "the login is not allowed to")
        .hint("its policy needs s3:DeleteObject on locks/ at least, even of who only adds");
  }
  if (said.code == "AccessDenied" && what.starts_with("remove ")) {
    return Error(ErrorKind::kDenied, told + "the login is not allowed to")
        .hint(
            "without s3:DeleteObject on what a bucket holds a login is append-only: `forget` and `prune` need one that "
            "has it");
  }
  if (said.code == "AccessDenied") {
    return Error(ErrorKind::kDenied, told + "the login is not allowed to")
        .hint(
            "its policy needs s3:ListBucket on the bucket, s3:GetObject and s3:PutObject on what is in it, and "
            "s3:DeleteObject on locks/ at least");
  }
  if (said.code == "NoSuchBucket") {
    return Error(ErrorKind::kNotFound, told + "there is no such bucket").hint("`varve init` makes it");
  }
  if (is_any(said.code, {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})) {
    return Error(ErrorKind::kNoSpace, told + "there is no space for it")
        .hint("free some space and run it again; what was stored already is kept");
  }
  if (is_any(said.code, {"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody",
                         "RequestTimeout"})) {
    return Error(ErrorKind::kUnavailable, told + "other bytes arrived at the server: " + said.message);
  }
  return std::nullopt;
}

Error silent_denial(const std::string& what) {
  return Error(ErrorKind::kDenied, fmt::format("cannot {}: the server refuses, and does not say why", what))
      .hint("are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY right, and is the bucket theirs?")
      .hint("without the right s3:ListBucket what is not there is refused, too");
}

}  // namespace

S3Complaint complaint_in(const net::Response& response) {
  const auto document = xml_in(response);
  const auto error = document.child("Error");
  S3Complaint said{error.child_value("Code"), error.child_value("Message"), error.child_value("Region")};
  if (said.code.empty()) said.code = response.header("x-minio-error-code");
  if (const auto region = response.header("x-amz-bucket-region"); !region.empty()) said.region = region;
  return said;
}

bool are_over(const net::Response& response) {
  if (response.status != 400 && response.status != 403) return false;
  return is_any(complaint_in(response).code,
                {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "InvalidTokenId",
                 "InvalidAccessKeyId", "UnrecognizedClientException"});
}

Error s3_error(const net::Response& response, const std::string& what, int64_t skew) {
  const auto said = complaint_in(response);
  if (auto known = known_error(said, what, skew)) return *std::move(known);
  if (response.status == 403 && std::abs(skew) > kToleratedSkew) return clocks_differ(what, skew);
  if (response.status == 403 && said.code.empty()) return silent_denial(what);
  const auto plain = status_error(response, what);
  if (said.code.empty() || response.status == 404) return plain;
  Error error(plain.kind(), fmt::format("{} ({}: {})", plain.message(), said.code, said.message));
  for (const auto& hint : plain.hints()) error.hint(hint);
  return error;
}

Error s3_error(const S3Complaint& said, const std::string& what) {
  if (auto known = known_error(said, what, 0)) return *std::move(known);
  const bool later =
      is_any(said.code, {"", "InternalError", "SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable",
                         "ServerBusy", "Throttling", "RequestLimitExceeded", "OperationAborted"});
  return Error(later ? ErrorKind::kUnavailable : ErrorKind::kUnsupported,
               fmt::format("cannot {}: the server refuses ({}: {})", what, said.code, said.message));
}

std::string s3_removal(const std::vector<std::string>& keys) {
  pugi::xml_document document;
  auto root = document.append_child("Delete");
  root.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  for (const auto& key : keys) root.append_child("Object").append_child("Key").text() = key.c_str();
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return std::move(out).str();
}

Result<S3Removal> parse_s3_removal(const net::Response& response) {
  const auto document = xml_in(response);
  const auto result = document.child("DeleteResult");
  if (!result) return fail(ErrorKind::kUnavailable, "the answer does not say what was removed");
  S3Removal removal;
  for (const auto gone : result.children("Deleted")) {
    removal.files[gone.child_value("Key")] = {};
    if (std::string_view(gone.child_value("DeleteMarker")) == "true") removal.kept = true;
  }
  for (const auto error : result.children("Error")) {
    S3Complaint said{error.child_value("Code"), error.child_value("Message"), ""};
    removal.files[error.child_value("Key")] = std::move(said);
  }
  return removal;
}

Result<ListPage> parse_s3_page(const net::Response& response) {
  const auto document = xml_in(response);
  const auto listing = document.child("ListBucketResult");
  if (!listing) return fail(ErrorKind::kUnavailable, "the answer is no listing");
  ListPage page;
  for (const auto object : listing.children("Contents")) {
    std::string key = object.child_value("Key");
    std::ranges::replace(key, '+', ' ');
    const auto size = parse_number<uint64_t>(object.child_value("Size"));
    const auto decoded = net::percent_decoded(key);
    if (!size || !decoded) return fail(ErrorKind::kUnavailable, "a file in the listing has no name or size");
    page.files.push_back({decoded->substr(decoded->rfind('/') + 1), *size});
  }
  if (std::string_view(listing.child_value("IsTruncated")) == "true") {
    page.next = listing.child_value("NextContinuationToken");
    if (page.next->empty()) return fail(ErrorKind::kUnavailable, "the listing is cut off");
  }
  return page;
}

std::optional<std::string> region_in(const net::Response& response) {
  const auto document = xml_in(response);
  const auto place = document.child("LocationConstraint");
  if (!response.succeeded() || !place) return std::nullopt;
  const std::string region = place.child_value();
  return region.empty() ? "us-east-1" : region == "EU" ? "eu-west-1" : region;
}

}  // namespace varve::storage
