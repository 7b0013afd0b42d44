// In which order runs are listed.

export const SORTS = ["name", "steps", "outcome", "begun", "distance"] as const;
export type Sort = (typeof SORTS)[number];
