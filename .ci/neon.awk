# Reads the crate's assembly for 64-bit ARM and checks every innermost loop of vector multiply-adds that is compiled for
# NEON: its sums must stay in registers, and the largest tile must have 24 of them.

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
  fused = spills = others = sum_count = 0
  split("", sums)
  for (i = label[$NF]; i <= NR; i++) {
    split(line[i], word, /[ \t,]+/)
    if (word[2] == "fmla" && word[3] ~ /\.4s$/) {
      fused++
      if (!(word[3] in sums)) sum_count++
      sums[word[3]]
    } else if (word[2] ~ /^(fmla|fmul|fadd|fmadd)$/) others++
    if (word[2] ~ /^(ld|st)/ && line[i] ~ /\tq[0-9].*\[sp/) spills++
  }
  if (!fused) next
  counted_to = NR
  if (fused >= 8) loops[NR] = function_name SUBSEP fused SUBSEP sum_count SUBSEP spills SUBSEP others
}

END {
  for (i in loops) {
    split(loops[i], loop, SUBSEP)
    if (!(loop[1] in used)) continue
    count++
    if (loop[2] != loop[3] || loop[4] || loop[5]) {
      bad++
      printf "line %d: %d multiply-adds for %d sums, %d spills, %d others\n", i, loop[2], loop[3], loop[4], loop[5]
    }
    if (loop[2] > largest) largest = loop[2]
  }
  printf "%d inner loops, %d of them bad; the largest has %d multiply-adds\n", count, bad, largest
  exit (bad > 0 || largest < 24)
}
