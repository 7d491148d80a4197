#include "storage/google_answers.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/parse.h"
#include "storage/json_answer.h"

namespace varve::storage {

namespace {

/// What it says where it does not do what was asked; empty in answers of another form.
struct GoogleComplaint {
  std::string reason, message;
};

GoogleComplaint complaint_in(const net::Response& response) {
  const Json json = json_in(response);
  const auto error = json.is_object() ? json.find("error") : json.end();
  if (!json.is_object() || error == json.end() || !error->is_object()) return {};
  GoogleComplaint said{"", text_at(*error, "message")};
  const auto errors = error->find("errors");
  if (errors != error->end() && errors->is_array() && !errors->empty())
    said.reason = text_at(errors->front(), "reason");
  return said;
}

bool is_any(const std::string& text, std::initializer_list<std::string_view> of) {
  return std::ranges::find(of, text) != of.end();
}

std::optional<Error> denied(const GoogleComplaint& said, int status, const std::string& told) {
  if (status == 401) {
    return Error(ErrorKind::kDenied, told + "the token is not valid, or its time is over")
        .hint(
            "GOOGLE_ACCESS_TOKEN ends after an hour; the key of a service account, which "
            "GOOGLE_APPLICATION_CREDENTIALS names, gives new ones");
  }
  if (status != 403) return std::nullopt;
  if (is_any(said.reason, {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})) {
    return Error(ErrorKind::kUnavailable, told + "it is asked too much: " + said.message);
  }
  if (said.reason == "retentionPolicyNotMet") {
    return Error(ErrorKind::kDenied, told + "the bucket's retention policy keeps it")
        .hint("it can be removed when the time of the policy is over");
  }
  return Error(ErrorKind::kDenied,
               told + "the login is not allowed to" + (said.message.empty() ? "" : ": " + said.message))
      .hint(
          "it needs storage.objects.get, list and create on the bucket, and delete for what is removed: locks at "
          "least; "
          "the role Storage Object User has them");
}

}  // namespace

Error google_error(const net::Response& response, const std::string& what) {
  const auto said = complaint_in(response);
  const auto told = fmt::format("cannot {}: ", what);
  if (auto error = denied(said, response.status, told)) return *std::move(error);
  if (response.status == 404 && said.message.find("bucket") != std::string::npos) {
    return Error(ErrorKind::kNotFound, told + "there is no such bucket").hint("`varve init` makes it");
  }
  // A hash that differs has no reason of its own.
  if (response.status == 400 && said.message.find("hash") != std::string::npos) {
    return Error(ErrorKind::kUnavailable, told + "other bytes arrived at the server: " + said.message);
  }
  const auto plain = status_error(response, what);
  if (said.message.empty() || response.status == 404) return plain;
  Error error(plain.kind(), fmt::format("{} ({})", plain.message(), said.message));
  for (const auto& hint : plain.hints()) error.hint(hint);
  return error;
}

Result<ListPage> parse_google_page(const net::Response& response) {
  const Json json = json_in(response);
  if (text_at(json, "kind") != "storage#objects") return fail(ErrorKind::kUnavailable, "the answer is no listing");
  ListPage page;
  if (const auto items = json.find("items"); items != json.end()) {
    if (!items->is_array()) return fail(ErrorKind::kUnavailable, "the answer is no listing");
    for (const Json& item : *items) {
      const std::string name = text_at(item, "name");
      const auto size = parse_number<uint64_t>(text_at(item, "size"));
      if (name.empty() || !size) return fail(ErrorKind::kUnavailable, "a file in the listing has no name or size");
      page.files.push_back({name.substr(name.rfind('/') + 1), *size});
    }
  }
  if (const auto next = text_at(json, "nextPageToken"); !next.empty()) page.next = next;
  return page;
}

Result<GoogleObject> parse_google_object(const net::Response& response) {
  const Json json = json_in(response);
  const auto size = parse_number<uint64_t>(text_at(json, "size"));
  if (!size) return fail(ErrorKind::kUnavailable, "the server does not say how large the file is");
  return GoogleObject{*size, text_at(json, "crc32c"), text_at(json, "generation")};
}

std::string google_crc_of(const net::Response& response) {
  for (const auto& header : response.headers) {  // one or two of them, or one with both
    if (header.name != "x-goog-hash") continue;
    const size_t begin = header.value.find("crc32c=");
    if (begin != std::string::npos) return header.value.substr(begin + 7, header.value.find(',', begin) - begin - 7);
  }
  return "";
}

}  // namespace varve::storage
