#include "bson/id_key.h"

#include <cmath>
#include <limits>

namespace varve::bson {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr int kMaxDepth = 200;
constexpr double kTwoTo63 = 9223372036854775808.0;

/// Numbers have one form each: an int64 where that can hold it, else a double, else a decimal without trailing zeros.
void append_integer(int64_t number, Bytes& out) {
  out.push_back(static_cast<uint8_t>(Type::kInt64));
  append_le(out, number);
}

void append_double(double number, Bytes& out) {
  if (number >= -kTwoTo63 && number < kTwoTo63 && number == std::trunc(number)) {
    append_integer(static_cast<int64_t>(number), out);
    return;
  }
  out.push_back(static_cast<uint8_t>(Type::kDouble));
  append_le(out, std::isnan(number) ? std::numeric_limits<double>::quiet_NaN() : number);
}

/// A finite Decimal128: coefficient * 10^exponent.
struct Decimal {
  Wide coefficient = 0;
  int exponent = 0;
  bool negative = false;
};

/// IEEE 754-2008, binary coding. Nothing for what is no finite number.
std::optional<Decimal> decode(uint64_t low, uint64_t high) {
  constexpr int kBias = 6176;
  constexpr Wide kLargest = static_cast<Wide>(10'000'000'000'000'000) * 1'000'000'000'000'000'000;  // 10^34
  Decimal decimal;
  decimal.negative = high >> 63 != 0;
  if ((high >> 59 & 0xf) == 0xf) return std::nullopt;
  const bool large = (high >> 61 & 3) == 3;  // a coefficient beyond 10^34, which counts as zero
  decimal.exponent = static_cast<int>(high >> (large ? 47 : 49) & 0x3fff) - kBias;
  if (!large) decimal.coefficient = static_cast<Wide>(high & 0x1ffffffffffff) << 64 | low;
  if (decimal.coefficient >= kLargest) decimal.coefficient = 0;
  return decimal;
}

/// The same number as a double, if there is one that is exactly equal.
std::optional<double> exact_double(const Decimal& decimal) {
  constexpr Wide kPrecise = Wide{1} << 53;
  Wide odd = decimal.coefficient;
  int twos = decimal.exponent;
  for (int e = decimal.exponent; e < 0; ++e) {
    if (odd % 5 != 0) return std::nullopt;
    odd /= 5;
  }
  for (; odd % 2 == 0; odd /= 2) ++twos;
  for (int e = 0; e < decimal.exponent; ++e) {
    if (odd >= kPrecise) return std::nullopt;
    odd *= 5;
  }
  if (odd >= kPrecise) return std::nullopt;
  const double size = std::ldexp(static_cast<double>(odd), twos);
  if (!std::isfinite(size)) return std::nullopt;
  return decimal.negative ? -size : size;
}

std::optional<int64_t> exact_integer(const Decimal& decimal) {
  constexpr Wide kMost = static_cast<Wide>(std::numeric_limits<int64_t>::max());
  Wide size = decimal.coefficient;
  for (int e = 0; e < decimal.exponent; ++e) {
    size *= 10;
    if (size > kMost) return std::nullopt;
  }
  if (decimal.exponent < 0 || size > kMost) return std::nullopt;
  const auto number = static_cast<int64_t>(size);
  return decimal.negative ? -number : number;
}

void append_decimal(ByteView value, Bytes& out) {
  const auto low = load_le<uint64_t>(value.data());
  const auto high = load_le<uint64_t>(value.data() + 8);
  auto decimal = decode(low, high);
  if (!decimal) {
    const bool infinite = (high >> 58 & 0x1f) == 0x1e;
    const double infinity = std::numeric_limits<double>::infinity();
    append_double(!infinite ? std::nan("") : high >> 63 ? -infinity : infinity, out);
    return;
  }
  if (decimal->coefficient == 0) return append_integer(0, out);
  for (; decimal->coefficient % 10 == 0; decimal->coefficient /= 10) ++decimal->exponent;
  if (const auto integer = exact_integer(*decimal)) return append_integer(*integer, out);
  if (const auto number = exact_double(*decimal)) return append_double(*number, out);
  out.push_back(static_cast<uint8_t>(Type::kDecimal128));
  append_le(out, static_cast<uint64_t>(decimal->coefficient));
  append_le(out, static_cast<uint64_t>(decimal->coefficient >> 64));
  append_le(out, decimal->exponent);
  out.push_back(decimal->negative ? 1 : 0);
}

bool is_own_key(Type type) {
  switch (type) {
    case Type::kDouble:
    case Type::kInt32:
    case Type::kInt64:
    case Type::kDecimal128:
    case Type::kSymbol:
    case Type::kDocument:
    case Type::kArray:
      return false;
    default:
      return true;
  }
}

void append_value(const Element& element, Bytes& out, int depth) {
  switch (element.type()) {
    case Type::kInt32:
    case Type::kInt64:
      return append_integer(*element.as_int64(), out);
    case Type::kDouble:
      return append_double(*element.as_double(), out);
    case Type::kDecimal128:
      return append_decimal(element.value(), out);
    case Type::kDocument:
    case Type::kArray: {
      out.push_back(element.raw()[0]);
      if (depth == kMaxDepth) return append(out, element.value());
      auto inner = View(element.value()).elements();
      while (const auto field = inner.next()) {
        append(out, as_bytes(field->name()));
        out.push_back(0);
        append_value(*field, out, depth + 1);
      }
      out.push_back(0);
      return;
    }
    default:
      out.push_back(static_cast<uint8_t>(element.type() == Type::kSymbol ? Type::kString : element.type()));
      append(out, element.value());
  }
}

}  // namespace

ByteView id_key(const Element& id, Bytes& scratch) {
  if (is_own_key(id.type())) return id.raw();
  scratch.clear();
  append_value(id, scratch, 0);
  // Type, name, value, as where the element is its own key: so that a symbol meets its string.
  const auto name = id.raw().subspan(1, id.name().size() + 1);
  scratch.insert(scratch.begin() + 1, name.begin(), name.end());
  return scratch;
}

}  // namespace varve::bson
