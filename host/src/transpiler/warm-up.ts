import { transpileComponent } from './transpile-component.ts'

/** The skeleton of `host/src/abi/component/fixtures/world.wat`: resources, records, lists and strings, both ways. */
export const SAMPLE = [
  'AGFzbQ0AAQAHJQFCAwFwfQFAAQNsZW53AAAEABBnZXQtcmFuZG9tLWJ5dGVzAQEKHQEAGHdhc2k6cmFuZG9tL3JhbmRvbUAwLjIuMAUABzkBQgQE',
  'AAhwb2xsYWJsZQMBAWgAAUABBHNlbGYBAQAEABZbbWV0aG9kXXBvbGxhYmxlLmJsb2NrAQIKFwEAEndhc2k6aW8vcG9sbEAwLjIuMwUBBg0BAwAB',
  'CHBvbGxhYmxlB0gBQgcCAwIBAgQACHBvbGxhYmxlAwAAAUAAAHcEAANub3cBAgFpAQFAAQR3aGVudwADBAASc3Vic2NyaWJlLWR1cmF0aW9uAQQK',
  'JgEAIXdhc2k6Y2xvY2tzL21vbm90b25pYy1jbG9ja0AwLjIuMwUDBzcBQgQBcgIHc2Vjb25kc3cLbmFub3NlY29uZHN5BAAIZGF0ZXRpbWUDAAAB',
  'QAAAAQQAA25vdwECCiEBABx3YXNpOmNsb2Nrcy93YWxsLWNsb2NrQDAuMi42BQQBUQBhc20BAAAAAQkBYAR/f39/AX8DAgEABQMBAAEGBwF/AUGA',
  'IAsHFAIGbWVtb3J5AgAHcmVhbGxvYwAACgUBAwAACwANC3RlYXBvdDpjb3JlAAIEAQAAAAYsAwEAABBnZXQtcmFuZG9tLWJ5dGVzAAIBAAZtZW1v',
  'cnkAAAEAB3JlYWxsb2MICQEBAAACAwAEAAYbAQEAARZbbWV0aG9kXXBvbGxhYmxlLmJsb2NrCAUBAQABAAYIAQEAAgNub3cIBQEBAAIABhcBAQAC',
  'EnN1YnNjcmliZS1kdXJhdGlvbggFAQEAAwAGEwIBAAMDbm93AAIBAAZtZW1vcnkICQIBAAQBAwEDAgG9AQBhc20BAAAAASEGYAJ+fwBgAX8AYAAB',
  'fmABfgF/YAJ/fwF/YAR/f39/AX8CZQcEbGliYwZtZW1vcnkCAAEEd2FzaQZyYW5kb20AAAR3YXNpBWJsb2NrAAEEd2FzaQltb25vdG9uaWMAAgR3',
  'YXNpCXN1YnNjcmliZQADBHdhc2kEd2FsbAABBHdhc2kEZHJvcAABAwMCBAUHCgEGaGFuZGxlAAcKCQIDAAALAwAACwANC3RlYXBvdDpjb3JlAQJL',
  'AgEGBnJhbmRvbQABBWJsb2NrAAIJbW9ub3RvbmljAAMJc3Vic2NyaWJlAAQEd2FsbAAFBGRyb3AABgABAgRsaWJjEgAEd2FzaRIBByIEcH1wfWoB',
  'BgFzQAIJb3BlcmF0aW9ucwdwYXlsb2FkBQAHBiMDAAABAgZoYW5kbGUAAgEABm1lbW9yeQAAAQAHcmVhbGxvYwgKAQAABwIDAgQICAUNAQEBAAZo',
  'YW5kbGUBBQsgAQAadGVhcG90OmFjdG9yL2hhbmRsZXJAMC4xLjAFBAA=',
].join('')

/** Transpiles a small component for nobody, so that the engine has compiled most of what the first one needs. */
export async function warmUp(): Promise<void> {
  await transpileComponent(Buffer.from(SAMPLE, 'base64'), { maxPages: 16, maxTableElements: 16 })
}
