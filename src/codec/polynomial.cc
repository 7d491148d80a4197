#include <bit>
#include <charconv>

#include <fmt/format.h>

#include "codec/rabin.h"

namespace varve::codec {

namespace {

constexpr int kDegree = 53;
// The chunker looks eight coefficients up at once.
constexpr int kLeastDegree = 8;

int degree(Polynomial p) {
  return 63 - std::countl_zero(p);
}

Polynomial remainder(Polynomial value, Polynomial divisor) {
  for (int shift; (shift = degree(value) - degree(divisor)) >= 0;) value ^= divisor << shift;
  return value;
}

Polynomial gcd(Polynomial a, Polynomial b) {
  while (b != 0) {
    a = remainder(a, b);
    std::swap(a, b);
  }
  return a;
}

/// a * b mod m; both factors reduced already, and m of degree 62 at most.
Polynomial multiply(Polynomial a, Polynomial b, Polynomial m) {
  Polynomial product = 0;
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= a;
    a <<= 1;
    if (degree(a) == degree(m)) a ^= m;
  }
  return product;
}

}  // namespace

// Ben-Or's test: p is irreducible if it shares no factor with x^(2^i) - x for any i up to half its degree, since that
// is the product of all irreducible polynomials whose degree divides i.
bool is_irreducible(Polynomial p) {
  if (degree(p) < 1 || degree(p) > 62) return false;
  constexpr Polynomial kX = 2;
  Polynomial power = remainder(kX, p);
  for (int i = 1; i <= degree(p) / 2; ++i) {
    power = multiply(power, power, p);
    if (gcd(p, power ^ remainder(kX, p)) != 1) return false;
  }
  return true;
}

Polynomial random_polynomial() {
  Polynomial p = 0;
  while (!is_irreducible(p)) {
    random_bytes({reinterpret_cast<uint8_t*>(&p), sizeof p});
    p &= (Polynomial{1} << kDegree) - 1;
    p |= Polynomial{1} << kDegree | 1;
  }
  return p;
}

std::string to_text(Polynomial polynomial) {
  return fmt::format("{:x}", polynomial);
}

Result<Polynomial> parse_polynomial(std::string_view text) {
  Polynomial p = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), p, 16);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!number || degree(p) < kLeastDegree || degree(p) > kDegree || !is_irreducible(p)) {
    return fail(ErrorKind::kCorrupt, fmt::format("the chunker polynomial \"{}\" is not valid", text));
  }
  return p;
}

}  // namespace varve::codec
