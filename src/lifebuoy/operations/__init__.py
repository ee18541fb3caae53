"""Operations: which steps, in which order, undone how. Knows nothing of terminals or HTTP."""
