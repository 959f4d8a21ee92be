// SPDX-License-Identifier: Apache-2.0
// Functions whose names g++ mangles: namespaces, templates, operators, lambdas, destructors.
#include <map>
#include <string>
#include <vector>

namespace shop {
template <typename Key, typename Value> struct Cart {
  std::map<Key, std::vector<Value>> items;
  __attribute__((noinline)) Value total(const Key &key) const {
    Value sum{};
    for (auto &value : items.at(key))
      sum += value;
    return sum;
  }
  Cart &operator+=(const Cart &other);
  ~Cart();
};
template <typename Key, typename Value>
__attribute__((noinline)) Cart<Key, Value> &Cart<Key, Value>::operator+=(const Cart &other) {
  for (auto &[key, values] : other.items)
    items[key].insert(items[key].end(), values.begin(), values.end());
  return *this;
}
template <typename Key, typename Value> Cart<Key, Value>::~Cart() { items.clear(); }
} // namespace shop

int main(int argc, char **) {
  shop::Cart<std::string, long> cart, other;
  other.items["a"] = {argc, 2};
  cart += other;
  auto twice = [](long value) __attribute__((noinline)) { return value * 2; };
  return static_cast<int>(twice(cart.total("a")));
}
