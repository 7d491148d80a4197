#include "storage/azure_answers.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/parse.h"
#include "net/encoding.h"
#include "storage/xml_answer.h"

namespace varve::storage {

namespace {

bool is_any(const std::string& code, std::initializer_list<std::string_view> codes) {
  return std::ranges::find(codes, code) != codes.end();
}

/// Of a message only the first line: after it come numbers of the request.
std::string words_in(const net::Response& response) {
  const auto document = xml_in(response);
  const std::string words = document.child("Error").child_value("Message");
  return words.substr(0, words.find_first_of("\r\n"));
}

Error bad_login(const std::string& told, bool with_sas) {
  if (with_sas) {
    return Error(ErrorKind::kDenied, told + "the shared access signature is not valid, or its time is over")
        .hint("AZURE_ACCOUNT_SAS or the connection string holds it; make a new one");
  }
  return Error(ErrorKind::kDenied, told + "the key is not that of the account")
      .hint("AZURE_ACCOUNT_NAME and AZURE_ACCOUNT_KEY, or the connection string, hold them");
}

/// When a shared access signature ends; nothing where it does not say so, as one with a policy of the container's.
std::optional<Time> end_of(const std::string& sas) {
  const std::string query = '&' + sas, name = "&se=";
  const size_t at = query.find(name);
  if (at == std::string::npos) return std::nullopt;
  const size_t begin = at + name.size();
  return parse_rfc3339(net::percent_decoded(query.substr(begin, query.find('&', begin) - begin)).value_or(""));
}

Error over(const std::string& told, Time end) {
  return Error(ErrorKind::kDenied, told + "the time of the shared access signature was over at " + format_utc(end))
      .hint("AZURE_ACCOUNT_SAS or the connection string holds it; make a new one");
}

Error not_allowed(const std::string& told, bool with_sas) {
  Error error(ErrorKind::kDenied, told + "the login is not allowed to");
  if (with_sas) {
    return std::move(error).hint(
        "a shared access signature of the container needs the letters r, l, c and w, and d for what is removed: locks "
        "at least");
  }
  return std::move(error)
      .hint("is the key that of the account in AZURE_ACCOUNT_NAME?")
      .hint("the account's firewall may let in only some networks");
}

std::optional<Error> denied(const std::string& code, const std::string& told, bool with_sas) {
  if (is_any(code, {"AuthenticationFailed", "InvalidAuthenticationInfo"})) return bad_login(told, with_sas);
  if (code.starts_with("Authorization") || code == "InsufficientAccountPermissions") return not_allowed(told, with_sas);
  if (code == "KeyBasedAuthenticationNotPermitted") {
    return Error(ErrorKind::kDenied, told + "the account takes no keys")
        .hint("a shared access signature made by a user's delegation works there: AZURE_ACCOUNT_SAS");
  }
  if (code == "AccountIsDisabled") return Error(ErrorKind::kDenied, told + "the account is disabled");
  if (code == "BlobImmutableDueToPolicy") {
    return Error(ErrorKind::kDenied, told + "a policy of the container keeps it as it is")
        .hint("it can be removed when the time of the policy is over");
  }
  return std::nullopt;
}

/// The codes that a person can do something about, or that trying again may help.
std::optional<Error> known_error(const std::string& code, const std::string& what, bool with_sas) {
  const auto told = fmt::format("cannot {}: ", what);
  if (auto error = denied(code, told, with_sas)) return error;
  if (code == "ContainerNotFound") {
    return Error(ErrorKind::kNotFound, told + "there is no such container").hint("`varve init` makes it");
  }
  if (is_any(code, {"InvalidResourceName", "OutOfRangeInput", "InvalidUri"})) {
    return Error(ErrorKind::kInvalidInput, told + "Azure takes no such name")
        .hint("a container's has 3 to 63 lower-case letters, digits and single dashes");
  }
  if (is_any(code, {"BlobArchived", "BlobBeingRehydrated"})) {
    return Error(ErrorKind::kUnsupported, told + "it is in the archive tier, where nothing can be read")
        .hint("move it to the tier Cool, which takes hours, and run it again");
  }
  if (is_any(code, {"RequestBodyTooLarge", "BlockListTooLong"})) {
    return Error(ErrorKind::kUnsupported, told + "the server takes no file of that size");
  }
  if (is_any(code, {"Md5Mismatch", "IncompleteBody"})) {
    return Error(ErrorKind::kUnavailable, told + "other bytes arrived at the server");
  }
  if (code == "ContainerBeingDeleted") {
    return Error(ErrorKind::kUnavailable, told + "the container is being removed");
  }
  return std::nullopt;
}

}  // namespace

std::string azure_code(const net::Response& response) {
  if (const auto code = response.header("x-ms-error-code"); !code.empty()) return std::string(code);
  const auto document = xml_in(response);
  return document.child("Error").child_value("Code");
}

Error azure_error(const net::Response& response, const std::string& what, const std::string& sas, int64_t skew) {
  const auto code = azure_code(response);
  const bool with_sas = !sas.empty();
  if (response.status == 403 && !with_sas && std::abs(skew) > kToleratedSkew) return clocks_differ(what, skew);
  // Azure's own words for it differ from one edition to the other.
  if (const auto end = end_of(sas);
      response.status == 403 && end && *end <= system_clock().now() + std::chrono::seconds(skew)) {
    return over(fmt::format("cannot {}: ", what), *end);
  }
  if (auto known = known_error(code, what, with_sas)) return *std::move(known);
  const auto plain = status_error(response, what);
  if (code.empty() || response.status == 404) return plain;
  const auto words = words_in(response);
  Error error(plain.kind(), fmt::format("{} ({}{}{})", plain.message(), code, words.empty() ? "" : ": ", words));
  for (const auto& hint : plain.hints()) error.hint(hint);
  return error;
}

Result<ListPage> parse_azure_page(const net::Response& response) {
  const auto document = xml_in(response);
  const auto listing = document.child("EnumerationResults");
  const auto blobs = listing.child("Blobs"), next = listing.child("NextMarker");
  // The marker ends a listing: without it, even an empty one, something was cut off.
  if (!blobs || !next) return fail(ErrorKind::kUnavailable, "the answer is no listing");
  ListPage page;
  for (const auto blob : blobs.children("Blob")) {
    const auto name_node = blob.child("Name");
    std::string name = name_node.child_value();
    // So it is where XML cannot have the name as it is.
    if (name_node.attribute("Encoded").as_bool()) name = net::percent_decoded(name).value_or("");
    const auto size = parse_number<uint64_t>(blob.child("Properties").child_value("Content-Length"));
    if (!size || name.empty()) return fail(ErrorKind::kUnavailable, "a file in the listing has no name or size");
    page.files.push_back({name.substr(name.rfind('/') + 1), *size});
  }
  if (const std::string marker = next.child_value(); !marker.empty()) page.next = marker;
  return page;
}

}  // namespace varve::storage
