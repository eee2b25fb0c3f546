# Reads the crate's assembly for 64-bit ARM and checks every innermost loop of vector multiply-adds that is compiled for
# NEON: its sums must stay in their registers and have the same number of multiply-adds each, unless the loop stores each of
# them at once, as an outer product does. The largest tile must have 24 sums, and no more loads and instructions than
# multiplication by lanes needs: a core that works in order waits for each.

/^[_A-Za-z][^ ]*:/ {
  function_name = substr($1, 1, length($1) - 1)
  split("", label)
  counted_to = 0
}
# Functions that are never called are compiled too, and left out when linking.
/^\t(b|bl|adrp)\t/ { used[$NF]; sub(/^:got:/, "", $NF); used[$NF] }
function_name !~ /Neon/ { next }
{ line[NR] = $0 }
/^\.L[^ ]*:/ { label[substr($1, 1, length($1) - 1)] = NR }

# A branch backward: the end of a loop.
$NF in label && $1 ~ /^(b|b\..*|cbn?z|tbn?z)$/ && label[$NF] > counted_to {
  fused = spills = others = sum_count = loads = stores = instructions = 0
  split("", sums)
  for (i = label[$NF]; i <= NR; i++) {
    split(line[i], word, /[ \t,]+/)
    if (line[i] !~ /^\t[a-z]/) continue
    instructions++
    if (word[2] == "fmla" && word[3] ~ /\.4s$/) {
      fused++
      if (!sums[word[3]]++) sum_count++
    } else if (word[2] ~ /^(fmla|fmul|fadd|fmadd)$/ || line[i] ~ /\tmov\tv/) others++
    # A pair counts as two: most small cores take twice as long for it.
    if (word[2] ~ /^ld/) loads += word[2] == "ldp" ? 2 : 1
    if (word[2] ~ /^st/) stores += word[2] == "stp" ? 2 : 1
    if (word[2] ~ /^(ld|st)/ && line[i] ~ /\[(sp|x29)/) spills++
  }
  if (!fused) next
  counted_to = NR
  for (sum in sums) if (sums[sum] * sum_count != fused) others++
  if (fused < 8 || (stores == fused && !spills)) next
  loops[NR] = function_name SUBSEP fused SUBSEP sum_count SUBSEP spills SUBSEP others
  costs[NR] = loads / fused SUBSEP instructions / fused
}

END {
  for (i in loops) {
    split(loops[i], loop, SUBSEP)
    if (!(loop[1] in used)) continue
    count++
    if (loop[4] || loop[5]) {
      bad++
      printf "line %d: %d multiply-adds for %d sums, %d spills, %d others\n", i, loop[2], loop[3], loop[4], loop[5]
    }
    if (loop[2] > largest) {
      largest = loop[2]
      tile = loop[3]
      split(costs[i], cost, SUBSEP)
    }
  }
  printf "%d inner loops, %d of them bad\n", count, bad
  printf "the largest tile: %d sums; for a multiply-add %.3f loads and %.3f instructions\n", tile, cost[1], cost[2]
  exit (bad > 0 || tile < 24 || cost[1] > 0.21 || cost[2] > 1.3)
}
