# SPDX-License-Identifier: GPL-2.0-or-later
"""Directed graphs: tables whose keys are arrows, (from, to)."""

import collections


def circles(arrows):
    """The sets of nodes that reach each other (Tarjan, without recursion)."""
    after = collections.defaultdict(list)
    for start, end in sorted(arrows):
        after[start].append(end)
    index, low, stack, found = {}, {}, [], []
    for root in sorted(after):
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        work = [(root, iter(after[root]))]
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    work.append((other, iter(after[other])))
                    break
                if other in stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    if len(stack) - at > 1:
                        found.append(set(stack[at:]))
                    del stack[at:]
    return found


def back_arrows(arrows, circle, weigh):
    """Light arrows whose removal opens @circle (by Eades, Lin and Smyth)."""
    left = set(circle)
    weight = {ends: weigh(arrow) for ends, arrow in arrows.items()
              if set(ends) <= circle}
    first, last = [], []
    while left:
        out = collections.Counter({node: 0 for node in left})
        into = collections.Counter(out)
        for (start, end), count in weight.items():
            if start in left and end in left:
                out[start] += count
                into[end] += count
        node = next((n for n in sorted(left) if not out[n]), None)
        if node is not None:
            last.insert(0, node)
        else:
            node = max(sorted(left),
                       key=lambda n, o=out, i=into: (not i[n], o[n] - i[n]))
            first.append(node)
        left.remove(node)
    order = {node: i for i, node in enumerate(first + last)}
    return sorted(ends for ends in weight if order[ends[0]] > order[ends[1]])


def way(arrows, start, end):
    """The shortest way along @arrows."""
    before = {start: None}
    queue = collections.deque([start])
    while queue:
        node = queue.popleft()
        if node == end:
            break
        for ends in sorted(arrows):
            if ends[0] == node and ends[1] not in before:
                before[ends[1]] = node
                queue.append(ends[1])
    nodes = []
    node = end
    while node is not None:
        nodes.insert(0, node)
        node = before[node]
    return nodes
