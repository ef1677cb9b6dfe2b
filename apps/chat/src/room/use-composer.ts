import { useEffect, useImperativeHandle, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { lengthProblem } from "../text/length.ts";
import { mentionsIn } from "../text/mentions.ts";
import type { ComposerProps } from "./composer.tsx";
import { draftOf, keepDraft } from "./drafts.ts";
import { useMentionSuggestions, type MentionSuggestions } from "./mention-suggestions.tsx";

/** What is being written, and what can be done with it. */
export interface ComposerText {
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly text: string;
  /** What is wrong with it, in words. */
  readonly problem: string | null;
  readonly isSendable: boolean;
  readonly mentions: MentionSuggestions;
  readonly change: (text: string) => void;
  readonly send: () => void;
  /** Puts something where the caret is. */
  readonly insert: (piece: string) => void;
  readonly onKeyDown: (event: KeyboardEvent<HTMLTextAreaElement>) => void;
}

/** The text of a composer: kept as a draft, sent by Enter. */
export function useComposer(props: ComposerProps): ComposerText {
  const { room, replyTo } = props;
  const [text, setText] = useState(() => draftOf(room));
  const field = useRef<HTMLTextAreaElement>(null);
  const mentions = useMentionSuggestions({ field, text, people: props.people, onChange: setText });
  useImperativeHandle(props.ref, () => ({ focus: () => field.current?.focus() }), []);
  useEffect(() => keepDraft(room, text), [room, text]);
  useEffect(() => {
    if (replyTo !== null) field.current?.focus();
  }, [replyTo]);
  useAutoHeight(field, text);
  const problem = lengthProblem(text);
  const isSendable = problem === null && text.trim() !== "";
  const send = (): void => {
    if (!isSendable) return;
    props.onSend(text.trim(), mentionsIn(text, [...mentions.picked, ...props.people]));
    setText("");
    mentions.reset();
    field.current?.focus();
  };
  const insert = (piece: string): void => {
    const { selectionStart = text.length, selectionEnd = text.length } = field.current ?? {};
    setText(text.slice(0, selectionStart) + piece + text.slice(selectionEnd));
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(selectionStart + piece.length, selectionStart + piece.length);
    });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing || mentions.onKeyDown(event)) return;
    const isIntoList = event.key === "ArrowUp" && text === "";
    if ((event.key === "Enter" && !event.shiftKey) || isIntoList) event.preventDefault();
    if (event.key === "Enter" && !event.shiftKey) send();
    else if (event.key === "Escape") props.onCancelReply();
    else if (isIntoList && event.shiftKey) props.onEditLast();
    else if (isIntoList) props.onEnterList();
  };
  const change = (value: string): void => {
    setText(value);
    if (value !== "") props.onTyping();
  };
  return { field, text, problem, isSendable, mentions, change, send, insert, onKeyDown };
}

/** For browsers that do not size a field by its content themselves. */
function useAutoHeight(field: RefObject<HTMLTextAreaElement | null>, text: string): void {
  useEffect(() => {
    const element = field.current;
    if (element === null || CSS.supports("field-sizing", "content")) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [field, text]);
}
