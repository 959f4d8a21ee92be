/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finds the mapping of an address and the rule by which its frame is unwound. */
#ifndef STAKEOUT_UNWIND_LOOKUP_BPF_H
#define STAKEOUT_UNWIND_LOOKUP_BPF_H

#include "unwind_maps.bpf.h"

#define MAPPING_STEPS 12 /* 2^12 > MAX_UNWIND_MAPPINGS */
#define ROW_STEPS 16     /* a page has at most 2^16 rows */

/* Leaves the mapping of an address in the walk; false when there is none. */
static __always_inline bool find_mapping(struct unwind_walk *walk, __u64 address) {
  __u32 low = walk->first_mapping, high = low + walk->mapping_count;

  if (address >= walk->mapping.start && address < walk->mapping.end)
    return true;
  for (int step = 0; step < MAPPING_STEPS && low < high; step++) {
    __u32 middle = low + (high - low) / 2;
    struct unwind_mapping_value *mapping = bpf_map_lookup_elem(&unwind_mappings, &middle);

    if (!mapping)
      return false;
    if (address < mapping->start) {
      high = middle;
    } else if (address >= mapping->end) {
      low = middle + 1;
    } else {
      walk->mapping = *mapping;
      return true;
    }
  }
  return false;
}

static __always_inline bool read_word(void *table, __u32 at, __u32 *word) {
  __u32 index = at / UNWIND_BLOCK_WORDS;
  struct unwind_block_value *block = bpf_map_lookup_elem(table, &index);

  if (!block)
    return false;
  *word = block->words[at % UNWIND_BLOCK_WORDS];
  return true;
}

/* The rule of an address of a mapping that has a table; NULL when the table has none. */
static __always_inline const struct unwind_rule *
find_rule(const struct unwind_mapping_value *mapping, __u64 address) {
  __u64 offset = address - mapping->base;
  __u32 slot = mapping->table, page = offset >> 16, place = offset & 0xffff;
  __u32 low, high, row, index;
  struct unwind_block_value *block;
  void *table;

  if (offset >> 16 >= mapping->page_count)
    return NULL;
  table = bpf_map_lookup_elem(&unwind_tables, &slot);
  if (!table || !read_word(table, page, &low) || !read_word(table, page + 1, &high))
    return NULL;
  for (int step = 0; step < ROW_STEPS && high - low > 1 && low < high; step++) {
    __u32 middle = low + (high - low) / 2;

    if (!read_word(table, middle, &row))
      return NULL;
    if ((row & 0xffff) <= place)
      low = middle;
    else
      high = middle;
  }
  if (!read_word(table, low, &row))
    return NULL;
  index = mapping->rules_at + (row >> 16) * (sizeof(struct unwind_rule) / sizeof(__u32));
  low = index / UNWIND_BLOCK_WORDS;
  block = bpf_map_lookup_elem(table, &low);
  /* Rules begin at multiples of 4 words, so none lies in two blocks. */
  return block ? (const void *)&block->words[index % UNWIND_BLOCK_WORDS & ~3] : NULL;
}

#endif
