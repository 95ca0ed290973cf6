export const alive = 1
