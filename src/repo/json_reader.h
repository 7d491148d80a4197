#pragma once

#include <concepts>
#include <limits>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace varve::repo {

/// Reads JSON from front to back and builds no document: memory is what the caller keeps, nesting is limited, and a
/// file of a million entries costs no more than its text. As lenient as Go's decoder: null stands for an empty value of
/// any type, the last of equal keys counts. Every error is kCorrupt and tells the byte.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  /// Calls `member(key)` for every member; it must consume the value, with skip() if nothing else. The key is valid
  /// during the call only.
  template <std::invocable<std::string_view> Member>
  Status object(Member&& member);
  /// Calls `element()` for every element; it must consume it.
  template <std::invocable Element>
  Status array(Element&& element);

  /// Always UTF-8: what is none becomes U+FFFD, byte by byte, as in Go.
  Status string(std::string& out);
  Status boolean(bool& out);
  /// Integers only, up to the limit of T.
  template <std::unsigned_integral T>
  Status number(T& out);
  /// 64 hex digits. null gives the null id.
  Status id(Id& out);
  /// Standard base64.
  Status base64(Bytes& out);
  /// RFC 3339; see go_time.h for times that varve cannot hold. `text`, if wanted, gets the time as it stood there.
  Status time(Time& out, std::string* text = nullptr);

  /// Consumes a value of any kind.
  Status skip();
  /// The same, and keeps its text.
  Status raw(std::string& out);
  /// Consumes a null if one comes next.
  bool take_null();
  /// Fails unless only white space is left.
  Status end();
  /// How much of the text lies behind: 0 to 1.
  double part_read() const { return static_cast<double>(pos_ + 1) / static_cast<double>(text_.size() + 1); }
  /// An error at the present place.
  unexpected<Error> error(std::string_view what) const;

 private:
  static constexpr int kMaxDepth = 64;

  void skip_space();
  bool take(char c);
  bool take_word(std::string_view word);
  Status enter(char bracket);
  /// After a value: true if another follows, false if `bracket` closed.
  Result<bool> more(char bracket);
  /// The next string: a view into the text, or into `scratch` if it held escapes.
  Result<std::string_view> view(std::string& scratch);
  Status unescape(std::string& out);
  Result<uint32_t> hex4();
  Status integer(uint64_t& out, uint64_t limit);
  Status skip_number();

  std::string_view text_;
  size_t pos_ = 0;
  int depth_ = 0;
};

template <std::invocable<std::string_view> Member>
Status JsonReader::object(Member&& member) {
  if (take_null()) return {};
  TRY(enter('{'));
  if (take('}')) {
    --depth_;
    return {};
  }
  std::string scratch;
  for (bool again = true; again;) {
    TRY_ASSIGN(const std::string_view key, view(scratch));
    if (!take(':')) return error("expected ':'");
    TRY(member(key));
    TRY_ASSIGN(again, more('}'));
  }
  return {};
}

template <std::invocable Element>
Status JsonReader::array(Element&& element) {
  if (take_null()) return {};
  TRY(enter('['));
  if (take(']')) {
    --depth_;
    return {};
  }
  for (bool again = true; again;) {
    TRY(element());
    TRY_ASSIGN(again, more(']'));
  }
  return {};
}

template <std::unsigned_integral T>
Status JsonReader::number(T& out) {
  uint64_t value = 0;
  TRY(integer(value, std::numeric_limits<T>::max()));
  out = static_cast<T>(value);
  return {};
}

}  // namespace varve::repo
