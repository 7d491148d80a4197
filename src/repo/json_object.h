#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/bytes.h"
#include "codec/go_json.h"

namespace varve::repo {

/// Appends one JSON object to a text, member by member, as Go's encoder writes it: no white space, strings escaped for
/// HTML. The `_if` forms leave the member out where Go's `omitempty` does. Keys must need no escaping.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_.push_back('{'); }

  void raw(std::string_view key, std::string_view json) {
    begin(key);
    out_ += json;
  }
  void string(std::string_view key, std::string_view text) { raw(key, codec::go_json_string(text)); }
  void string_if(std::string_view key, std::string_view text) {
    if (!text.empty()) string(key, text);
  }
  void number(std::string_view key, uint64_t value) {
    begin(key);
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void number_if(std::string_view key, uint64_t value) {
    if (value != 0) number(key, value);
  }
  void boolean(std::string_view key, bool value) { raw(key, value ? "true" : "false"); }
  void id(std::string_view key, const Id& id) {
    begin(key);
    out_ += '"';
    out_ += id.hex();
    out_ += '"';
  }
  /// [element, ...]; `write(element)` appends one.
  template <typename Range, typename Write>
  void array(std::string_view key, const Range& range, Write&& write) {
    begin(key);
    out_.push_back('[');
    bool first = true;
    for (const auto& element : range) {
      if (!first) out_.push_back(',');
      first = false;
      write(element);
    }
    out_.push_back(']');
  }
  void strings(std::string_view key, const std::vector<std::string>& texts) {
    array(key, texts, [&](const std::string& text) { out_ += codec::go_json_string(text); });
  }
  void strings_if(std::string_view key, const std::vector<std::string>& texts) {
    if (!texts.empty()) strings(key, texts);
  }
  void close() { out_.push_back('}'); }

 private:
  void begin(std::string_view key) {
    if (!first_) out_.push_back(',');
    first_ = false;
    out_ += '"';
    out_ += key;
    out_ += "\":";
  }

  std::string& out_;
  bool first_ = true;
};

}  // namespace varve::repo
